// <section data-live="/address">: its content is whatever the server sends next. At the end the page
// is loaded anew, as there is more to see then; data-live-end="stay" leaves it. What comes inside a
// <template data-for="id"> is put into that other place. Nobody follows while nobody looks: a
// browser has few connections to a server for all of its tabs.
import { draw } from "./figures.js";

export function follow(root) {
  for (const place of root.querySelectorAll("[data-live]")) {
    let source = null;
    const stop = () => {
      source?.close();
      source = null;
    };
    const start = () => {
      if (!source && !place.dataset.over) source = listen(place);
    };
    addEventListener("pagehide", stop);
    addEventListener("pageshow", start);
    document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
    if (!document.hidden) start();
  }
}

function listen(place) {
  const source = new EventSource(place.dataset.live);
  const over = () => {
    source.close();
    place.dataset.over = "yes";
  };
  source.addEventListener("part", (event) => show(place, event.data));
  source.addEventListener("end", () => {
    over();
    if (place.dataset.liveEnd !== "stay") location.reload();
  });
  source.addEventListener("gone", (event) => {
    over();
    tell(place, event.data, true);
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      over();
      tell(place, "The server no longer tells how this goes on.", true);
    }
  });
  return source;
}

function show(place, html) {
  const at = document.activeElement;
  const link = place.contains(at) && at.getAttribute("href");
  // Rendered and escaped by the server, as the page itself was.
  place.innerHTML = html;
  if (link) place.querySelector(`[href="${CSS.escape(link)}"]`)?.focus({ preventScroll: true });
  for (const part of place.querySelectorAll("template[data-for]")) {
    document.getElementById(part.dataset.for)?.replaceChildren(part.content);
    part.remove();
  }
  draw(place);
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
