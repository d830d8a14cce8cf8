// <section data-live="/address">: its content is whatever the server sends next. At the end the page
// is loaded anew, as there is more to see then; data-live-end="stay" leaves it.
import { draw } from "./figures.js";

export function follow(root) {
  for (const place of root.querySelectorAll("[data-live]")) {
    const source = new EventSource(place.dataset.live);
    source.addEventListener("part", (event) => {
      // Rendered and escaped by the server, as the page itself was.
      place.innerHTML = event.data;
      draw(place);
    });
    source.addEventListener("end", () => {
      source.close();
      if (place.dataset.liveEnd !== "stay") location.reload();
    });
    source.addEventListener("gone", (event) => {
      source.close();
      tell(place, event.data, true);
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) tell(place, "The server no longer tells how this goes on.", true);
    });
    addEventListener("pagehide", () => source.close());
  }
}

function tell(place, text, above) {
  const line = document.createElement("p");
  line.className = "problems";
  line.setAttribute("role", "alert");
  line.textContent = `${text} `;
  const again = document.createElement("a");
  again.href = location.href;
  again.textContent = "Load the page anew";
  line.append(again);
  place[above ? "prepend" : "append"](line);
}
