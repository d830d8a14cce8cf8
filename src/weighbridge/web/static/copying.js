// <button data-copy="#id">: copies the text of that element, and says so.
export function copying(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const text = document.querySelector(button.dataset.copy).textContent;
      const before = button.textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "copied";
      } catch {
        button.textContent = "select and copy it yourself";
      }
      setTimeout(() => (button.textContent = before), 1500);
    });
  }
}
