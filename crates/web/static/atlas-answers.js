// Questions about the ground and their answers in words: what lies in a shape, who answers for it, what is nearest, how far
// help reaches.

import { ask, distance, make, say, settings } from "./atlas-page.js";
import { announce, showAnswer, showCard, showWrong } from "./atlas-panel.js";

const { urls } = settings;
let turn = 0;

/** Only the newest question is answered. */
async function newest(question, show) {
  turn += 1;
  const mine = turn;
  announce(say("reading"));
  try {
    const found = await question();
    if (mine === turn) show(found);
  } catch (error) {
    if (mine === turn) { announce(""); showWrong(error); }
  }
}

export const forget = () => { turn += 1; };

/** A thing of a list: shown on the map and opened. */
function item(it, go, more = null) {
  const open = () => { go?.([it.longitude, it.latitude]); showCard(it.id, it.name, true); };
  return make("li", {}, make("button", { type: "button", class: "quiet", click: open }, it.name || it.id), more);
}

function sums(all) {
  return all?.length ? make("dl", {}, ...all.flatMap((it) => [make("dt", {}, it.title), make("dd", { class: "num" }, `${Number(it.sum).toLocaleString()} ${it.unit ?? ""}`)])) : null;
}

function found(layer, go) {
  const { title, count, items = [], list } = layer;
  const heading = make("h3", {}, title, " ", make("b", { class: "num" }, count.toLocaleString()));
  const links = make("p", { class: "row" }, list ? make("a", { class: "button", href: list }, say("open_list")) : null, layer.export ? make("a", { class: "button", href: layer.export }, say("export")) : null);
  const rest = count > items.length && items.length ? make("p", { class: "soft small" }, say("first_of", { n: items.length, all: count })) : null;
  return make("section", { class: "found" }, heading, sums(layer.sums), links, make("ul", { class: "items" }, ...items.map((it) => item(it, go))), rest);
}

/** People who answer for what lies in the shape, and one big button. */
function audience({ people, link, duties = [] }) {
  if (!people) return make("section", { class: "call" }, make("p", {}, say("nobody_to_call")));
  const each = duties.length ? make("dl", {}, ...duties.flatMap((it) => [make("dt", {}, it.title), make("dd", { class: "num" }, `${it.people}`)])) : null;
  return make(
    "section", { class: "call" },
    make("p", { class: "big" }, make("b", { class: "num", "data-atlas": "people" }, `${people}`), make("span", {}, say("people_answer"))),
    each,
    make("a", { class: "button main large", href: link, "data-atlas": "call-link" }, say("call_them", { n: people })),
  );
}

/** What lies in the area, and whom to call for it; `callFirst` asks only for people. */
export function inArea(area, layers, { go, focus, callFirst }) {
  if (!layers.length && !callFirst) {
    showAnswer(say("results"), [make("p", { class: "note" }, say("no_layers"))], focus);
    return;
  }
  const things = () => (layers.length ? ask(urls.query, { area, layers }) : { layers: [] });
  const people = () => (settings.may_call ? ask(urls.audience, { area }) : null);
  newest(() => Promise.all([things(), people()]), ([{ layers: all }, whom]) => {
    const total = all.reduce((sum, it) => sum + it.count, 0);
    const words = whom ? say("found_and_people", { n: total, people: whom.people }) : say("found", { n: total });
    announce(words);
    const list = all.map((it) => found(it, go));
    showAnswer(callFirst ? say("call") : say("results"), [...(whom ? [audience(whom)] : []), make("p", { class: "soft" }, say("found", { n: total })), ...list], focus);
  });
}

const basis = (by, road, straight) => make("p", { class: "note" }, say(by === "road" ? road : straight));

/** The nearest things of a layer: a line to each on the map, and the list. */
export function nearest(at, layer, most, { go, focus, lines }) {
  newest(() => ask(urls.nearest, { at, layer, most }), ({ by, items }) => {
    const far = (it) => (it.minutes === undefined || it.minutes === null ? distance(it.metres) : say("minutes_and_distance", { minutes: Math.round(it.minutes * 10) / 10, distance: distance(it.metres) }));
    lines(items.map((it) => ({ from: at, to: [it.longitude, it.latitude], text: far(it) })));
    announce(say("found", { n: items.length }));
    const list = items.length ? make("ol", { class: "items" }, ...items.map((it) => item(it, go, make("span", { class: "num" }, far(it))))) : make("p", { class: "soft" }, say("nothing_near"));
    showAnswer(say("nearest"), [basis(by, "by_road", "by_distance"), list], focus);
  });
}

/** How far help reaches in so many minutes, and what share of the places it covers. */
export function reach(question, { focus, areas }) {
  newest(() => ask(urls.reach, question), ({ by, areas: all, cover }) => {
    areas(all.map((it) => ({ ...it, text: say("minutes", { n: it.minutes }) })));
    announce(say("reach_done", { n: all.length }));
    const cell = (words) => make("td", { class: "num" }, words);
    const head = (words) => make("th", { scope: "col", class: "num" }, words);
    const rows = cover?.within.map((it) => make("tr", {}, make("th", { scope: "row" }, say("minutes", { n: it.minutes })), cell(it.count.toLocaleString()), cell(`${(it.share * 100).toFixed(1)}%`)));
    const table = cover && make(
      "table", {},
      make("caption", {}, say("covered", { title: cover.title, n: cover.total })),
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, say("within")), head(say("count")), head(say("share")))),
      make("tbody", {}, ...rows),
    );
    const bare = make("ul", {}, ...all.map((it) => make("li", {}, say("minutes", { n: it.minutes }))));
    showAnswer(say("reach"), [basis(by, "reach_by_road", "reach_by_distance"), table || bare], focus);
  });
}
