// Buttons that do something here: data-dialog="id" opens a dialog, data-close closes its own, data-print prints,
// data-back goes to the page before as it was left, with what was typed there.

export function startActions() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-dialog], [data-close], [data-print], [data-back]");
    if (!button) return;
    const { dialog } = button.dataset;
    if (button.dataset.back !== undefined) {
      event.preventDefault();
      history.back();
    } else if (button.dataset.print !== undefined) window.print();
    else if (button.dataset.close !== undefined) button.closest("dialog")?.close();
    else document.getElementById(dialog)?.showModal();
  });
}
