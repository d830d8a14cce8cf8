// data-key="x" on a link, button or field: that key is as good as a click (fields are gone to).
// The page's own keys come before those of its frame.
// j and k walk through the rows of the first table with data-rows, Enter opens the row's first link.
export function keys() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select");
    if (event.key === "Escape" && typing) return typing.blur();
    if (typing || document.querySelector("dialog[open]")) return;
    if (event.key === "?") return help();
    if (walk(event)) return;
    // What has the focus takes Enter itself.
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    const wanted = `[data-key="${CSS.escape(event.key)}"]`;
    const place = document.querySelector(`main ${wanted}`) ?? document.querySelector(wanted);
    if (!place) return;
    event.preventDefault();
    if (place.matches("input:not([type=checkbox], [type=radio]), textarea, select")) place.focus();
    else place.click();
  });
}

function walk(event) {
  const rows = [...document.querySelectorAll("table[data-rows] > tbody > tr")];
  const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
  if (event.key === "Enter" && at >= 0 && event.target === document.body) {
    rows[at].querySelector("a")?.click();
    return true;
  }
  const step = { j: 1, k: -1 }[event.key];
  if (!step || !rows.length) return false;
  const to = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  if (at >= 0) rows[at].removeAttribute("aria-selected");
  to.setAttribute("aria-selected", "true");
  to.scrollIntoView({ block: "nearest" });
  return true;
}

function help() {
  const taken = new Set();
  const places = [...document.querySelectorAll("main [data-key]"), ...document.querySelectorAll("header [data-key]")].filter(
    (it) => !taken.has(it.dataset.key) && taken.add(it.dataset.key),
  );
  const dialog = document.createElement("dialog");
  const list = document.createElement("ul");
  const lines = places.map((it) => [it.dataset.key, it.dataset.keyHelp || it.title || it.textContent.trim()]);
  if (document.querySelector("table[data-rows]")) lines.push(["j k", "down and up through the rows, Enter opens"]);
  for (const [key, text] of [...lines, ["Esc", "leave a field, or this"]]) {
    const line = document.createElement("li");
    const sign = document.createElement("kbd");
    sign.textContent = key;
    line.append(sign, ` ${text}`);
    list.append(line);
  }
  dialog.append(list);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}
