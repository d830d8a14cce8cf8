// <form data-review="id">: once a verdict is chosen, that element shows what the scorer said. Where
// the two differ, a reason is needed; [data-reason] fills one in.
export function reviewing(root) {
  for (const form of root.querySelectorAll("form[data-review]")) {
    const said = document.getElementById(form.dataset.review);
    const reason = form.elements.reason;
    form.addEventListener("change", (event) => {
      const field = event.target;
      if (!["verdict", "value", "label"].includes(field.name) || !field.value) return;
      const same = field.type === "radio" ? "same" in field.dataset : Number(field.value) === Number(form.dataset.value);
      said.open = true;
      reason.required = !same;
      form.classList.toggle("differs", !same);
    });
    for (const button of form.querySelectorAll("[data-reason]")) {
      button.addEventListener("click", () => (reason.value = button.dataset.reason));
    }
  }
}
