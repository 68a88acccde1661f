// Imports: asks how far one is until its state changes, then shows the page anew.

const EVERY = 1000;

for (const part of document.querySelectorAll("[data-poll]")) {
  const counted = part.querySelector("[data-counted]");
  const bar = part.querySelector("[data-bar]");
  const ask = async () => {
    try {
      const answer = await fetch(part.dataset.poll, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const seen = await answer.json();
      if (seen.state !== part.dataset.while) {
        location.reload();
        return;
      }
      const done = part.dataset.count === "looked" ? seen.looked : seen.created + seen.changed + seen.same + seen.refused;
      counted.textContent = String(done ?? 0);
      if (bar) bar.value = done ?? 0;
    } catch {
      // Not connected: asked again.
    }
    setTimeout(ask, EVERY);
  };
  setTimeout(ask, EVERY);
}
