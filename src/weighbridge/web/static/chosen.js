// <form data-chosen="run" data-least="2" data-most="20">: its <output> says how many boxes of that
// name are ticked, wherever they stand, and its button waits until there are enough.
export function chosen(root) {
  for (const form of root.querySelectorAll("form[data-chosen]")) {
    const { chosen: name, least, most } = form.dataset;
    const say = () => {
      const boxes = [...form.elements].filter((it) => it.name === name);
      const number = boxes.filter((it) => it.checked || it.type === "hidden").length;
      const fits = number >= least && number <= most;
      form.querySelector("output").value = `${number} chosen${number > most ? `, at most ${most}` : ""}`;
      form.querySelector("button").disabled = !fits;
      for (const box of boxes) box.closest("tr")?.classList.toggle("chosen", box.checked);
    };
    document.addEventListener("change", say);
    addEventListener("pageshow", say);
    say();
  }
}
