// The warden's page works without this file. With it the transfer numbers have + and − buttons that keep
// adding up (a tap takes a person from 未转 or gives one back to it), and what is said without a signal is
// kept on the telephone until it is taken; sent twice, it changes nothing.
const whole = (input) => Math.max(0, Number.parseInt(input.value, 10) || 0);

function startCounts(form) {
  const at = (name) => form.elements[name];
  const rest = () => whole(at("moved")) + whole(at("refused")) + whole(at("lost"));
  const sum = form.querySelector(".sum");
  const words = sum.textContent;

  const show = () => {
    const [due, all] = [whole(at("due")), rest() + whole(at("not_yet"))];
    sum.classList.toggle("off", due !== all);
    sum.textContent = due === all ? words : `${words}：${due} ≠ ${all}`;
  };

  const step = (name, by) => {
    const input = at(name);
    const next = whole(input) + by;
    if (next < 0) return;
    input.value = next;
    if (name === "due") at("not_yet").value = Math.max(0, next - rest());
    else if (name !== "not_yet") at("not_yet").value = Math.max(0, whole(at("not_yet")) - by);
    // Nobody was left to take from, or somebody more has to leave.
    at("due").value = Math.max(name === "due" ? next : 0, rest() + whole(at("not_yet")));
    show();
  };

  for (const label of form.querySelectorAll(".count")) {
    const input = label.querySelector("input");
    for (const [by, text] of [[-1, "−"], [1, "+"]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "step";
      button.textContent = text;
      button.setAttribute("aria-label", `${label.querySelector("span").textContent} ${text}1`);
      button.addEventListener("click", () => step(input.name, by));
      if (by < 0) input.before(button);
      else input.after(button);
    }
    input.addEventListener("input", show);
  }
  show();
}

const KEPT = `kept ${location.pathname}`;
const AGAIN = 5_000;
const PATIENCE = 20_000;
const english = document.documentElement.lang.startsWith("en");
const NO_SIGNAL = english
  ? "No signal: what you said is kept on this telephone and sent by itself. If it is urgent, call."
  : "没有信号：您的话留在本机，有信号时自动送出。紧急请打电话。";
let sending = false;

const kept = () => JSON.parse(localStorage.getItem(KEPT) ?? "[]");

function keep(all) {
  if (all.length) localStorage.setItem(KEPT, JSON.stringify(all));
  else localStorage.removeItem(KEPT);
}

async function hand({ action, body }) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE);
  const headers = { accept: "text/html", "content-type": "application/x-www-form-urlencoded" };
  try {
    const answer = await fetch(action, { method: "POST", body, headers, credentials: "same-origin", signal: stop.signal });
    if (answer.status >= 500 || answer.status === 429) throw new Error(answer.status);
    return { url: answer.url, page: new DOMParser().parseFromString(await answer.text(), "text/html") };
  } finally {
    clearTimeout(timer);
  }
}

async function send() {
  if (sending) return;
  sending = true;
  let last = null;
  try {
    for (let all = kept(); all.length; all = kept()) {
      last = await hand(all[0]);
      keep(kept().slice(1));
    }
  } catch {
    sayWaiting();
    setTimeout(send, AGAIN);
  } finally {
    sending = false;
  }
  if (last && !kept().length) show(last);
}

function show({ url, page }) {
  const fresh = page.querySelector("main");
  if (!fresh) {
    location.reload();
    return;
  }
  history.replaceState(null, "", new URL(url).pathname.startsWith(location.pathname) ? location.pathname : url);
  document.querySelector("main").replaceWith(document.importNode(fresh, true));
  start();
  (document.querySelector(".wrong, .note") ?? document.body).scrollIntoView();
}

function sayWaiting() {
  if (document.getElementById("waiting")) return;
  const words = document.createElement("p");
  Object.assign(words, { id: "waiting", className: "wrong", textContent: NO_SIGNAL });
  words.setAttribute("role", "alert");
  document.querySelector("main").prepend(words);
  words.scrollIntoView();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.keep === undefined) return;
  const body = new URLSearchParams(new FormData(form));
  const { name, value } = form.querySelector("button[type=submit]");
  if (name) body.set(name, value);
  const said = { action: form.action, body: `${body}` };
  try {
    const all = kept();
    // A second tap on the same thing says nothing new.
    if (!all.some((it) => it.action === said.action && it.body === said.body)) keep([...all, said]);
  } catch {
    // No store on this telephone: the browser sends the form as it always did.
    return;
  }
  event.preventDefault();
  send();
});
addEventListener("online", send);

function start() {
  document.querySelectorAll("[data-transfer]").forEach(startCounts);
}

start();
send();
