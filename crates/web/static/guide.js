// The guide of a demonstration: its ribbon says what happens now; buttons move the night without leaving the page.

const ASK_EVERY = 1000;

export function startGuide() {
  const ribbon = document.getElementById("guide");
  if (!ribbon) return;
  const part = (name) => ribbon.querySelector(`[data-guide="${name}"]`);
  const put = (name, text) => {
    if (part(name).textContent !== text) part(name).textContent = text;
  };
  const look = async () => {
    const answer = await fetch(ribbon.dataset.state, { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok) return;
    const now = await answer.json();
    put("number", `${now.number}`);
    put("title", now.title);
    put("say", now.say);
    put("ahead", now.ahead);
    part("page").hidden = !now.page;
    const { pause, go } = part("pause").dataset;
    put("pause", now.paused ? go : pause);
    ribbon.toggleAttribute("data-waiting", now.waiting);
  };
  ribbon.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { action } = event.target;
    await fetch(action, { method: "POST", credentials: "same-origin", redirect: "manual", body: new URLSearchParams(new FormData(event.target)) });
    look().catch(() => {});
  });
  ribbon.addEventListener("change", (event) => {
    if (event.target.dataset.submits !== undefined) event.target.form.requestSubmit();
  });
  // When the server is away the live stream says so.
  setInterval(() => document.hidden || look().catch(() => {}), ASK_EVERY);
}
