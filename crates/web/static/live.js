// Live parts: an element with an id and data-live="round. call." is read anew from the same page when an
// event of that kind is sealed; data-live="" listens to all, data-src names another page to read from.
// One window per world holds the stream and tells the others, so that many windows cost one connection.

import { markFresh } from "./clock.js";
import { checkSiren } from "./siren.js";

const QUIET = 300;
// While events keep coming: often enough to be no older than a second, seldom enough for many windows.
const BETWEEN = 700;
const AGAIN = 2000;
const READINGS = 30_000;
const PARTS = "[data-live][id]";

const { base, position } = document.body.dataset;
const channel = new BroadcastChannel(`anlan${base || "/"}`);
let cursor = Number(position ?? 0);
let kinds = new Set();
let everything = false;
let timer = null;
let running = false;
let renewed = 0;

export function startLive() {
  if (document.body.dataset.livePage === undefined) return;
  for (const part of document.querySelectorAll("[data-load]")) renew(source(part), [part]).then(checkSiren, () => hear({ event: "reset", id: cursor }));
  channel.onmessage = ({ data }) => hear(data);
  if (navigator.locks) navigator.locks.request(`anlan-stream${base || "/"}`, () => new Promise(hold));
  else hold();
  // Readings are no events of anybody's region: parts that draw them look by themselves.
  if (document.querySelector('[data-live~="observations."]')) setInterval(() => hear({ event: "observations.taken", id: cursor }), READINGS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) schedule();
  });
}

async function hold() {
  for (;;) {
    try {
      await listen();
    } catch {
      // Said below; tried again.
    }
    tell({ lost: true });
    await new Promise((done) => setTimeout(done, AGAIN));
  }
}

// Read with fetch rather than EventSource: event names are not known in advance.
async function listen() {
  const answer = await fetch(`${base}/api/v1/events?after=${cursor}`, {
    credentials: "same-origin",
    headers: { accept: "text/event-stream" },
    cache: "no-store",
  });
  if (answer.status === 401) {
    location.reload();
    return;
  }
  if (!answer.ok) throw new Error(answer.status);
  tell({ found: true });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    blocks.forEach(parse);
  }
}

function parse(block) {
  const message = {};
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) message[line.slice(0, at)] = line.slice(at + 1).trim();
  }
  if (message.event) tell({ event: message.event, id: Number(message.id), data: message.data });
}

function tell(message) {
  channel.postMessage(message);
  hear(message);
}

function hear(message) {
  const notice = document.getElementById("connection");
  if (message.lost || message.found) {
    if (notice) notice.hidden = Boolean(message.found);
    document.body.toggleAttribute("data-offline", Boolean(message.lost));
    if (message.found) checkSiren();
    return;
  }
  cursor = message.event === "reset" ? message.id : Math.max(cursor, message.id);
  if (message.event === "reset") everything = true;
  else kinds.add(message.event);
  document.dispatchEvent(new CustomEvent("anlan", { detail: message }));
  schedule();
}

function schedule() {
  if (timer !== null || document.hidden || (!everything && !kinds.size)) return;
  timer = setTimeout(refresh, Math.max(QUIET, renewed + BETWEEN - Date.now()));
}

const touched = (part, heard, all) => {
  const wanted = part.dataset.live.split(" ").filter(Boolean);
  return all || !wanted.length || [...heard].some((it) => wanted.some((start) => it.startsWith(start)));
};

async function refresh() {
  timer = null;
  if (running) return;
  running = true;
  renewed = Date.now();
  const [heard, all] = [kinds, everything];
  [kinds, everything] = [new Set(), false];
  try {
    const parts = [...document.querySelectorAll(PARTS)].filter((it) => touched(it, heard, all) && !isBusy(it));
    const pages = Map.groupBy ? Map.groupBy(parts, source) : groups(parts);
    for (const [address, members] of pages) await renew(address, members);
    if (parts.length) markFresh();
  } catch {
    everything = true;
  } finally {
    running = false;
    checkSiren();
    if (everything) setTimeout(schedule, AGAIN);
    else schedule();
  }
}

// What the page itself shows; a list that is filtered without leaving the page has another address.
let own = location.pathname + location.search;
const source = (part) => part.dataset.src ?? own;

function groups(parts) {
  const pages = new Map();
  for (const part of parts) pages.set(source(part), [...(pages.get(source(part)) ?? []), part]);
  return pages;
}

// What somebody is typing into is left alone; the next event renews it.
const isBusy = (part) => part.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);

/** Reads every live part anew from `address`, which becomes the page's own: a filter, another page of a list. */
export async function show(address, remember = true) {
  const before = own;
  own = address;
  try {
    await renew(address, [...document.querySelectorAll(PARTS)]);
  } catch (error) {
    if (own === address) own = before;
    throw error;
  }
  // A later choice has overtaken this one.
  if (remember && own === address) history.pushState(null, "", address);
}

async function renew(address, members) {
  const answer = await fetch(address, { credentials: "same-origin", headers: { accept: "text/html" }, cache: "no-store" });
  if (answer.redirected && new URL(answer.url).pathname.endsWith("/login")) {
    location.reload();
    return;
  }
  if (!answer.ok) throw new Error(answer.status);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const { id } of members) {
    const [old, part] = [document.getElementById(id), fresh.getElementById(id)];
    if (!old || (old.dataset.src ?? own) !== address) continue;
    if (!part) old.remove();
    else if (markup(part) !== markup(old)) swap(old, part);
  }
}

const ROW = "tr[data-row]";
/** As the server wrote it. */
const markup = (part) => part.outerHTML.replace(/ data-moved="\d+"/g, "");
const isChanged = (it) =>
  it.type === "checkbox" || it.type === "radio" ? it.checked !== it.defaultChecked : "defaultValue" in it && it.type !== "hidden" && it.value !== it.defaultValue;
const toSend = (part) => [...part.querySelectorAll("form")].filter((it) => it.method === "post");
const keysOf = (part) => [...part.querySelectorAll("[data-key]")].map((it) => `${it.dataset.key} ${it.href ?? it.form?.action}`).join("\n");

// What was typed and not sent, and what was opened, stays.
function carry(old, placed) {
  const forms = new Map(toSend(placed).map((it) => [it.action, it]));
  for (const form of toSend(old)) {
    for (const it of [...form.elements].filter(isChanged)) {
      const again = forms.get(form.action)?.elements.namedItem(it.name);
      if (!again || again.type !== it.type) continue;
      again.value = it.value;
      again.checked = it.checked;
    }
  }
  const opened = [...old.querySelectorAll("details[open] > summary")].map((it) => it.textContent);
  for (const it of placed.querySelectorAll("details > summary")) {
    if (opened.includes(it.textContent)) it.parentElement.open = true;
  }
}

// The focus stays where it was; when its row has left the list, the row now in its place has it.
function swap(old, part) {
  const holder = old.contains(document.activeElement) ? document.activeElement : null;
  const row = holder ? [...old.querySelectorAll(ROW)].indexOf(holder.closest(ROW)) : -1;
  const scrolled = old.scrollTop;
  const placed = document.importNode(part, true);
  carry(old, placed);
  if (keysOf(old) !== keysOf(placed)) placed.dataset.moved = Date.now();
  old.replaceWith(placed);
  placed.scrollTop = scrolled;
  if (!holder) return;
  const name = holder.id || holder.dataset.key;
  const rows = placed.querySelectorAll(ROW);
  const again = name && (document.getElementById(name) ?? placed.querySelector(`[data-key="${CSS.escape(name)}"]`));
  const next = again || (row < 0 ? null : rows[Math.min(row, rows.length - 1)]);
  // Another row under the finger says since when it is there.
  if (next && !again) next.dataset.moved = Date.now();
  else if (again && holder.dataset.moved) again.dataset.moved = holder.dataset.moved;
  next?.focus({ preventScroll: true });
}
