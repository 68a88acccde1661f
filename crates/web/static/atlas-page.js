// What every part of the map's page uses: its words and addresses, which the server wrote into the page, small elements, and
// questions to the server.

export const main = document.getElementById("atlas");
export const settings = JSON.parse(main.dataset.settings);
const language = document.documentElement.lang || "zh-CN";
const figures = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
export const WALL = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "short" });

export const byMark = (name) => main.querySelector(`[data-atlas="${name}"]`);
export const allMarked = (name) => [...main.querySelectorAll(`[data-atlas="${name}"]`)];

/** A sentence of the page with its values put in. */
export const say = (key, values = {}) => settings.words[key].replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? figures.format(values[name]) : values[name] ?? ""));

const round = (value) => Number(value.toPrecision(3));
export const distance = (metres) => (metres < 1000 ? say("metres", { n: Math.round(metres) }) : say("kilometres", { n: metres < 1e5 ? Math.round(metres / 10) / 100 : Math.round(metres / 1000) }));
export const surface = (metres) => (metres < 1e4 ? say("square_metres", { n: Math.round(metres) }) : metres < 1e6 ? say("hectares", { n: round(metres / 1e4) }) : say("square_kilometres", { n: round(metres / 1e6) }));

/** An element: attributes, then what it holds. A function stands for what a press does. */
export function make(name, attributes = {}, ...held) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...held.filter((it) => it !== null && it !== undefined));
  return element;
}

/** The moment the map stands at, RFC 3339; null is now. */
export const moment = { at: null };

export function address(url, values = {}) {
  const filled = Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, encodeURIComponent(value)), url);
  return moment.at ? `${filled}${filled.includes("?") ? "&" : "?"}at=${encodeURIComponent(moment.at)}` : filled;
}

/** Asks the server; what it refuses is thrown in its own words. */
export async function ask(url, body) {
  const answer = await fetch(address(url), {
    method: body ? "POST" : "GET",
    credentials: "same-origin",
    headers: { accept: "application/json", ...(body ? { "content-type": "application/json" } : {}) },
    body: body && JSON.stringify(body),
  }).catch(() => { throw new Error(say("unreached")); });
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.detail ?? problem.title ?? say("unreached"));
}

/** Keeps what one person last had on this map, on this machine. */
export const memory = {
  key: `anlan-atlas ${document.body.dataset.base} ${settings.person}`,
  read() {
    try { return JSON.parse(localStorage.getItem(this.key)) ?? {}; } catch { return {}; }
  },
  write(changes) {
    try { localStorage.setItem(this.key, JSON.stringify({ ...this.read(), ...changes })); } catch { /* A browser that keeps nothing. */ }
  },
};
