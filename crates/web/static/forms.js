// Forms: ask before what cannot be undone, send once, come back to the same place.

export function startForms() {
  const { words } = document.body.dataset;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (question && !window.confirm(words ? `【${words}】${question}` : question)) {
      event.preventDefault();
      return;
    }
    if (form.dataset.here !== undefined && form.elements.next) {
      form.elements.next.value = location.pathname + location.search;
    }
    if (form.method.toLowerCase() === "post") {
      if (form.dataset.sent !== undefined) event.preventDefault();
      form.dataset.sent = "";
      setTimeout(() => delete form.dataset.sent, 3000);
    }
  });
}
