// data-confirm="Really?" asks first; data-submit sends its form when it changes; a form is sent once.
// data-check-all ticks every box of that name.
export function forms(root) {
  for (const form of root.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
      if (form.dataset.sent || (question && !confirm(question))) return event.preventDefault();
      form.dataset.sent = "yes";
    });
  }
  // Back to a page that the browser kept: its forms may be sent again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
  for (const field of root.querySelectorAll("[data-submit]")) field.addEventListener("change", () => field.form.requestSubmit());
  for (const box of root.querySelectorAll("[data-check-all]")) {
    box.addEventListener("change", () => {
      for (const other of document.getElementsByName(box.dataset.checkAll)) other.checked = box.checked;
    });
  }
}
