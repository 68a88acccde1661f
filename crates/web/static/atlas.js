// The one map (一张图): puts its parts together. The server's words and addresses stand in the page; the view, the layers and the
// moment stand in the address, so that a link shows another the same.

import { worldNow } from "./clock.js";
import { circleOf, fitted, project, readHash, tilesOf, toScreen, toWorld, unproject, writeHash } from "./atlas-ground.js";
import { Tiles } from "./atlas-cache.js";
import { Sprites, paint, paletteOf, readOutlines } from "./atlas-draw.js";
import { paintOver } from "./atlas-over.js";
import { Stage } from "./atlas-stage.js";
import { Layers } from "./atlas-layers.js";
import { Tools } from "./atlas-tools.js";
import { Base } from "./atlas-base.js";
import { pick } from "./atlas-pick.js";
import { inArea } from "./atlas-answers.js";
import { address, ask, byMark, distance, main, make, memory, moment, say, settings } from "./atlas-page.js";
import { announce, showAnswer, showCard, startPanel } from "./atlas-panel.js";
import { startPrint } from "./atlas-print.js";
import { startTime } from "./atlas-time.js";

const RENEW = 60_000;
/** Milliseconds that painting may take in every frame. */
const FRAME = 8;
const MOST_HERE = 50;
const CLOSE = 16;

const [canvas, over, readout] = ["map", "over", "readout"].map(byMark);
const [context, overContext] = [canvas.getContext("2d", { alpha: false }), over.getContext("2d")];
const buffer = document.createElement("canvas");
const bufferContext = buffer.getContext("2d", { alpha: false });
const above = { shape: null, lines: [], areas: [], hover: null, chosen: null };
let painted = { view: null, at: 0, cost: 0 };
let palette = paletteOf(main);
let sprites = new Sprites(palette, 1);
let outlines = [];
let layers = null;
let stage = null;
let pointed = null;
let all = null;

const tiles = new Tiles({
  address: (layer, { z, x, y }) => address(settings.urls.tile, { layer, z, x, y }),
  changed: () => { byMark("trouble").hidden = tiles.failed === 0; stage.redraw(); },
  refused: (layer) => { layers.refuse(layer); },
});
const base = settings.base && new Base(settings.base.tiles, () => stage.redraw());

function scene() {
  const foot = settings.base && byMark("base").checked ? say("foot_base", settings.base) : say("foot");
  const shown = layers?.shown() ?? [];
  return { ...above, view: stage.view, ratio: stage.ratio, palette, sprites, outlines, tiles, layers: shown, base: base && byMark("base").checked ? base : null, distance, north: say("north"), foot, cross: stage.cross };
}

/** Shows the map as it was last painted, moved and stretched to where the view is now. */
function showPainted() {
  const { view, ratio } = stage;
  const from = toScreen(view, toWorld(painted.view, { x: 0, y: 0 }));
  const grown = 2 ** (view.zoom - painted.view.zoom) * ratio;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = palette.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(buffer, from.x * ratio, from.y * ratio, painted.view.width * grown, painted.view.height * grown);
}

/** Paints anew, unless the map is on the move and painting costs more than a frame has: then now and then. */
function repaintMap(now) {
  const since = performance.now();
  const busy = stage.moving && painted.cost > FRAME && since - painted.at < painted.cost * 4;
  const resized = buffer.width !== canvas.width || buffer.height !== canvas.height;
  if (resized) [buffer.width, buffer.height] = [canvas.width, canvas.height];
  if (!busy || resized) {
    paint(bufferContext, now);
    painted = { view: stage.view, at: performance.now(), cost: performance.now() - since };
  }
  showPainted();
}

function draw(what) {
  if (!stage) return;
  if (sprites.ratio !== stage.ratio) sprites = new Sprites(palette, stage.ratio);
  const now = scene();
  if (what === "all") {
    if (!printing.on) tiles.want(now.layers.map((it) => it.id), tilesOf(stage.view));
    repaintMap(now);
  }
  paintOver(overContext, now);
}

function read(spot) {
  const [longitude, latitude] = stage.place(spot);
  const side = (value, plus, minus) => `${Math.abs(value).toFixed(5)}°${value < 0 ? minus : plus}`;
  readout.textContent = `${side(longitude, "E", "W")} ${side(latitude, "N", "S")} · ${stage.view.zoom.toFixed(1)}`;
}

const titleOf = ({ layer, it }) => (it.count > 1 ? say("cluster", { title: layer.title, n: it.count }) : it.name || layer.title);

function openThing({ layer, it }, byKey) {
  above.chosen = { x: it.x, y: it.y };
  stage.redraw("over");
  showCard(it.id, it.name || layer.title, byKey);
}

/** Several things at one spot are listed; one is opened; many stand for what closer tiles show. */
function open(found, byKey) {
  const [first] = found;
  if (first.it.count > 1 && stage.view.zoom < CLOSE + 1) {
    stage.show({ ...stage.view, x: first.it.x, y: first.it.y, zoom: stage.view.zoom + 2 });
    return;
  }
  if (found.length === 1) {
    openThing(first, byKey);
    return;
  }
  const button = (it) => make("button", { type: "button", class: "quiet", click: () => openThing(it, true) }, titleOf(it));
  const rows = found.slice(0, MOST_HERE).map((it) => make("li", {}, button(it), make("span", { class: "soft small" }, it.layer.title)));
  showAnswer(say("here", { n: found.length }), [make("ul", { class: "items" }, ...rows)], byKey);
}

function hovered(spot) {
  if (spot) read(spot);
  pointed = spot;
  const found = spot && !tools.kind ? pick(scene(), spot)[0] : null;
  canvas.classList.toggle("over-thing", Boolean(found));
  const hover = found ? { ...spot, text: titleOf(found) } : null;
  if (spot) tools.hover(stage.place(spot));
  if (hover || above.hover) { above.hover = hover; stage.redraw("over"); }
}

function permalink() {
  const [longitude, latitude] = unproject(stage.view);
  return writeHash({ zoom: stage.view.zoom, longitude, latitude, layers: layers?.chosen() ?? [], at: moment.at });
}

function rested() {
  if (!layers) return;
  history.replaceState(null, "", permalink());
  const { x, y, zoom } = stage.view;
  memory.write({ view: { x, y, zoom } });
  if (pointed) read(pointed);
}

const hands = {
  point(spot, touch) {
    const byKey = stage.cross;
    read(spot);
    if (tools.point(stage.place(spot), byKey)) return;
    const found = pick(scene(), spot, touch);
    if (found.length) open(found, byKey);
    else if (above.chosen) { above.chosen = null; stage.redraw("over"); }
  },
  double(spot) {
    if (tools.kind) tools.finish();
    else stage.zoom(1, spot);
  },
  hover: hovered,
  key: (key) => tools.key(key),
  rest: rested,
  /** The panel came and the map grew narrower: what was asked about stays in sight. */
  resized() {
    const { shape } = above;
    if (!stage || !shape?.done || shape.kind === "point") return;
    const places = shape.kind === "circle" ? circleOf(shape.places[0], shape.radius) : shape.places;
    const [west, south, east, north] = stage.bounds();
    if (places.some(([x, y]) => x < west || x > east || y < south || y > north)) fitTo(places);
  },
};

const time = startTime(() => { layers?.refuse(null); tiles.clear(); stage.redraw(); rested(); });
stage = new Stage(canvas, over, draw, hands);
const go = (place) => {
  const { x, y } = project(place);
  above.chosen = { x, y };
  stage.show({ ...stage.view, x, y, zoom: Math.max(stage.view.zoom, 15) });
};
const fitTo = (places) => {
  const [xs, ys] = [places.map((it) => it[0]), places.map((it) => it[1])];
  stage.show(fitted(stage.view, [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)], 0.6));
};
const tools = new Tools({ go, fit: fitTo, layers: () => layers?.chosen() ?? [], set: (changes) => { Object.assign(above, changes); stage.redraw("over"); } });

function follow(link) {
  if (!link) return;
  const { x, y } = project([link.longitude, link.latitude]);
  stage.show({ ...stage.view, x, y, zoom: link.zoom });
  time(link.at);
}

function boundsOfRings(rings) {
  const places = rings.flat().map(([x, y]) => unproject({ x, y }));
  const of = (which, i) => places.reduce((found, it) => which(found, it[i]), places[0][i]);
  return places.length ? [of(Math.min, 0), of(Math.min, 1), of(Math.max, 0), of(Math.max, 1)] : null;
}

function fit() {
  if (all) stage.show(fitted(stage.view, all));
}

/** Everything in view as a list: the map for who does not see it. */
function listView() {
  const [west, south, east, north] = stage.bounds();
  inArea({ polygon: [[west, south], [east, south], [east, north], [west, north], [west, south]] }, layers?.chosen() ?? [], { go, focus: true, callFirst: false });
}

async function copyLink() {
  rested();
  // Without https a browser gives no clipboard.
  const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject(new Error("no clipboard"));
  const words = await copied.then(() => say("copied"), () => say("copy_by_hand"));
  announce(words);
  const button = byMark("link");
  button.dataset.words ??= button.textContent;
  button.textContent = words;
  setTimeout(() => { button.textContent = button.dataset.words; }, 3000);
}

function repaint() {
  palette = paletteOf(main);
  sprites = new Sprites(palette, stage.ratio);
  layers?.paint(palette);
  stage.redraw();
}

const BUTTONS = { in: () => stage.zoom(1), out: () => stage.zoom(-1), all: fit, list: listView, link: copyLink };
for (const [mark, act] of Object.entries(BUTTONS)) byMark(mark).addEventListener("click", act);
byMark("base")?.addEventListener("change", () => { memory.write({ base: byMark("base").checked }); stage.redraw(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
startPanel(() => { above.chosen = null; stage.redraw("over"); });
const printing = startPrint(scene, () => stage.redraw());
addEventListener("hashchange", () => {
  const link = readHash(location.hash);
  follow(link);
  if (link?.layers) layers?.choose(link.layers);
  tiles.clear();
  stage.redraw();
});

async function start() {
  const link = readHash(location.hash);
  const { view, base: baseOn } = memory.read();
  if (base && baseOn === false) byMark("base").checked = false;
  if (link) follow(link);
  try {
    const [list, ground] = await Promise.all([ask(settings.urls.layers), ask(settings.urls.outlines).catch(() => ({ features: [] }))]);
    outlines = readOutlines(ground);
    all = list.bounds ?? boundsOfRings(outlines.flatMap((it) => it.rings));
    layers = new Layers(list.groups, palette, () => { stage.redraw(); rested(); });
    if (!link && view) stage.show({ ...stage.view, ...view });
    else if (!link) fit();
    layers.refuse(null);
    layers.choose(link?.layers ?? null);
    if (![...layers.all.values()].some((it) => it.count)) byMark("empty").hidden = false;
  } catch (error) {
    byMark("trouble").hidden = false;
    byMark("trouble").textContent = error.message;
  }
  main.dataset.ready = `${Math.round(worldNow())}`;
}

start();
setInterval(() => {
  if (document.hidden || moment.at) return;
  tiles.age();
  stage.redraw();
}, RENEW);
