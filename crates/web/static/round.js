// The page of a round: tiles, figures and pages of the list change without leaving it; j and k move, Enter
// opens, 1 and 2 record, 3 shows the number. Without this file every link and form works as it stands.
import { worldNow } from "./clock.js";
import { show } from "./live.js";

const main = document.querySelector("main[data-round]");
const rows = () => [...document.querySelectorAll("tr[data-row]")];
const sheet = document.getElementById("sheet");
/** A second press within this time is the first one's echo, not another person's record. */
const ECHO = 1200;
let place = -1;
let recorded = 0;

function select(index) {
  const all = rows();
  if (!all.length) return;
  place = Math.min(Math.max(index, 0), all.length - 1);
  all[place].focus({ preventScroll: true });
  all[place].scrollIntoView({ block: "nearest" });
}

const selected = () => document.activeElement?.closest?.("tr[data-row]");

async function go(address, remember = true) {
  await show(address, remember);
  if (place >= 0 && !selected()) select(place);
}

async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form));
  if (submitter?.name) body.set(submitter.name, submitter.value);
  const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin", headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { answer, page };
}

function open(page) {
  sheet.replaceChildren(...document.importNode(page.querySelector("main"), true).childNodes);
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet";
  close.textContent = "×";
  close.setAttribute("aria-label", "Esc");
  close.addEventListener("click", () => sheet.close());
  sheet.prepend(close);
  if (!sheet.open) sheet.showModal();
  sheet.querySelector("a[href^='tel:']")?.focus();
}

function onSubmit(event) {
  const { target: form, submitter } = event;
  if (event.defaultPrevented) return;
  if (form.dataset.filter !== undefined) {
    event.preventDefault();
    // Back to the list: j and k work at once.
    document.activeElement?.blur();
    const query = `${new URLSearchParams([...new FormData(form)].filter(([, value]) => value))}`;
    go(`${form.getAttribute("action")}${query && `?${query}`}`);
    return;
  }
  const number = form.getAttribute("action")?.endsWith("/number");
  if (form.dataset.inline === undefined && !number) return;
  event.preventDefault();
  if (!number) place = Math.max(place, rows().indexOf(form.closest("tr[data-row]")));
  send(form, submitter).then(({ answer, page }) => {
    if (number || !answer.ok) open(page);
    else {
      if (sheet.open) sheet.close();
      go(location.pathname + location.search, false);
    }
  });
}

function onClick(event) {
  const link = event.target.closest?.("a");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.hasAttribute("download")) return;
  if (link.pathname !== location.pathname || link.host !== location.host) return;
  event.preventDefault();
  place = -1;
  go(link.pathname + link.search);
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || sheet.open) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  const row = selected();
  const press = (what) => row?.querySelector(what)?.click();
  if (event.key === "j") select(row ? rows().indexOf(row) + 1 : Math.max(place, 0));
  else if (event.key === "k") select(row ? rows().indexOf(row) - 1 : Math.max(place, 0));
  else if (event.key === "Enter" && row === document.activeElement) press("a[href]");
  else if (event.key === "1" || event.key === "2") {
    // The list may have moved under the finger: what has the focus now is not who was meant.
    if (event.repeat || Date.now() - Math.max(recorded, Number(row?.dataset.moved ?? 0)) < ECHO) return;
    recorded = Date.now();
    press(`[data-record="${event.key}"]`);
  }
  else if (event.key === "3") press("form[action$='/number'] button");
  else return;
  event.preventDefault();
}

function countDown() {
  for (const it of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.ceil((Number(it.dataset.until) - worldNow()) / 1000));
    it.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  }
}

if (main) {
  document.addEventListener("submit", onSubmit);
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-filter] select")) event.target.form.requestSubmit();
  });
  document.addEventListener("focusin", () => {
    const row = selected();
    if (row) place = rows().indexOf(row);
  });
  addEventListener("popstate", () => go(location.pathname + location.search, false));
  setInterval(countDown, 500);
  countDown();
}
