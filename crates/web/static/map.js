// The map (示意图): drawn as SVG in web mercator from the data in the page, so that it needs no WebGL, prints, and
// shows nothing that the tables below do not say. Symbols keep their size; shape and words, never colour alone.

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 1000;
const HEIGHT = 640;
const TILE = 256;
const CLOSE = 2 ** 21;
const svg = document.getElementById("map");
const hidden = new Set();
const zh = document.body.dataset.lang.startsWith("zh");
let data = null;
let view = null;
let queued = false;

const mercator = ({ longitude, latitude }) => {
  const sine = Math.sin((Math.max(-85, Math.min(85, latitude)) * Math.PI) / 180);
  return { x: (longitude + 180) / 360, y: 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI) };
};
const onScreen = (position) => {
  const at = mercator(position);
  return { x: WIDTH / 2 + (at.x - view.x) * view.scale, y: HEIGHT / 2 + (at.y - view.y) * view.scale };
};

function make(name, attributes, parent, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

const placed = (things) => things.filter((it) => it.position);

function fit() {
  const own = placed(data.communities);
  const all = (own.length ? own : [...placed(data.rooms), ...placed(data.stations)]).map((it) => mercator(it.position));
  if (!all.length) return null;
  const span = (key) => [Math.min(...all.map((it) => it[key])), Math.max(...all.map((it) => it[key]))];
  const [[west, east], [north, south]] = [span("x"), span("y")];
  const scale = Math.min((WIDTH * 0.88) / Math.max(east - west, 1e-6), (HEIGHT * 0.86) / Math.max(south - north, 1e-6), CLOSE);
  return { x: (west + east) / 2, y: (north + south) / 2, scale };
}

function tiles(parent) {
  if (!data.base) return;
  const zoom = Math.max(0, Math.min(18, Math.round(Math.log2(view.scale / TILE))));
  const count = 2 ** zoom;
  const size = view.scale / count;
  const from = (middle, length) => Math.floor((middle - length / 2 / view.scale) * count);
  const until = (middle, length) => Math.floor((middle + length / 2 / view.scale) * count);
  for (let x = from(view.x, WIDTH); x <= until(view.x, WIDTH); x += 1) {
    for (let y = from(view.y, HEIGHT); y <= until(view.y, HEIGHT); y += 1) {
      if (x < 0 || y < 0 || x >= count || y >= count) continue;
      const href = data.base.tiles.replace("{z}", zoom).replace("{x}", x).replace("{y}", y);
      const left = WIDTH / 2 + (x / count - view.x) * view.scale;
      const top = HEIGHT / 2 + (y / count - view.y) * view.scale;
      make("image", { href, x: left, y: top, width: size + 0.5, height: size + 0.5 }, parent);
    }
  }
}

const ring = (points) => `M${points.map(([longitude, latitude]) => { const at = onScreen({ longitude, latitude }); return `${at.x.toFixed(1)} ${at.y.toFixed(1)}`; }).join("L")}Z`;
const outline = ({ type, coordinates }) => (type === "Polygon" ? [coordinates] : coordinates).flat().map(ring).join("");

/// The convex hull of the places that lie in the area, where nobody gave its outline.
function hull(points) {
  const sorted = points.map((it) => onScreen(it.position)).sort((a, b) => a.x - b.x || a.y - b.y);
  const turn = (a, b, c) => (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
  const half = (list) => {
    const kept = [];
    for (const point of list) {
      while (kept.length > 1 && turn(kept[kept.length - 2], kept[kept.length - 1], point) <= 0) kept.pop();
      kept.push(point);
    }
    return kept.slice(0, -1);
  };
  return [...half(sorted), ...half([...sorted].reverse())];
}

function area(parent) {
  for (const it of data.outlines) make("path", { d: outline(it.geojson), class: "map-outline" }, parent);
  for (const region of data.area.regions) {
    const own = data.outlines.filter((it) => it.code === region);
    for (const it of own) make("path", { d: outline(it.geojson), class: "map-area" }, parent);
    const inside = placed(data.communities).filter((it) => it.code.startsWith(region));
    if (own.length || inside.length < 3) continue;
    const path = hull(inside).map((it) => `${it.x.toFixed(1)} ${it.y.toFixed(1)}`).join("L");
    make("path", { d: `M${path}Z`, class: "map-area" }, parent);
  }
}

function standing(calls) {
  if (!calls) return "wait";
  if (calls.silent) return "bad";
  if (calls.open) return "part";
  if (calls.knows === calls.called) return "done";
  return calls.knows + calls.handed_over === calls.called ? "handed" : "ended";
}

function communities(parent) {
  const near = view.scale > 1.4 * (fit()?.scale ?? view.scale);
  for (const it of placed(data.communities)) {
    const { x, y } = onScreen(it.position);
    const state = standing(it.calls);
    const street = it.level === 4;
    const place = it.calls
      ? make("a", { href: `${svg.dataset.rounds}${encodeURIComponent(it.calls.round)}?region=${it.code}${state === "bad" ? "&state=not_reached,escalated,no_contact" : ""}`, tabindex: -1 }, parent)
      : make("g", {}, parent);
    const share = it.calls?.called ? it.calls.knows / it.calls.called : 0;
    make("circle", { cx: x, cy: y, r: street ? 9 : 6, class: `map-place map-${state}` }, place);
    if (state === "part" && share > 0) {
      const [reach, angle] = [street ? 9 : 6, Math.min(share, 0.999) * 2 * Math.PI];
      const [toX, toY] = [x + reach * Math.sin(angle), y - reach * Math.cos(angle)];
      make("path", { d: `M${x} ${y}V${y - reach}A${reach} ${reach} 0 ${angle > Math.PI ? 1 : 0} 1 ${toX} ${toY}Z`, class: "map-share" }, place);
    }
    if (state === "bad") make("path", { d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10`, class: "map-cross" }, place);
    if (state === "handed") make("path", { d: `M${x - 2} ${y - 3}l5 3l-5 3Z`, class: "map-stop" }, place);
    if (state === "ended") make("path", { d: `M${x - 3} ${y - 3}h6v6h-6Z`, class: "map-stop" }, place);
    if (street || near) make("text", { x, y: y + (street ? 23 : 17), class: street ? "map-street" : "map-name" }, place, it.name.replace(/居民委员会$/, ""));
    const counts = it.calls ? `${it.calls.knows}/${it.calls.called}` : zh ? "未叫" : "not called";
    make("title", {}, place, `${it.name} ${counts}`);
  }
}

function rooms(parent) {
  for (const it of placed(data.rooms)) {
    const { x, y } = onScreen(it.position);
    const knows = ["answered", "heard_in_full", "recorded_by_colleague", "reached_on_site"].includes(it.state);
    const group = make("g", {}, parent);
    const state = !it.state ? "wait" : knows ? "done" : it.state === "not_reached" || it.state === "no_contact" ? "bad" : "part";
    make("rect", { x: x + 8, y: y - 13, width: 8, height: 8, class: `map-room map-${state}` }, group);
    if (state === "bad") make("path", { d: `M${x + 8} ${y - 13}l8 8m0 -8l-8 8`, class: "map-cross" }, group);
    make("title", {}, group, it.name);
  }
}

const ARROWS = { "-1": "↓", 0: "→", 1: "↑" };
const NUMERALS = ["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"];

// Shapes as in the legend of grades: triangle, square, diamond, circle.
const SHAPES = [
  (x, y) => `M${x} ${y - 10}L${x + 10} ${y + 8}H${x - 10}Z`,
  (x, y) => `M${x - 8} ${y - 8}h16v16h-16Z`,
  (x, y) => `M${x} ${y - 10}l10 10l-10 10l-10 -10Z`,
  (x, y) => `M${x - 9} ${y}a9 9 0 1 1 18 0a9 9 0 1 1 -18 0`,
];

function stations(parent) {
  for (const it of placed(data.stations)) {
    const { x, y } = onScreen(it.position);
    if (x < -80 || y < -40 || x > WIDTH + 80 || y > HEIGHT + 40) continue;
    const group = make("g", { class: it.upstream ? "map-station map-upstream" : "map-station" }, parent);
    if (it.grade) {
      make("path", { d: SHAPES[it.grade - 1](x, y), class: `map-grade-${it.grade}` }, group);
      make("text", { x, y: y + 5, class: "map-numeral" }, group, NUMERALS[it.grade - 1]);
    } else make("path", { d: `M${x} ${y - 7}l7 12h-14Z`, class: "map-gauge" }, group);
    const newest = it.readings.find((reading) => reading.quantity === "wind_gust") ?? it.readings[0];
    const value = newest ? `${newest.value} ${newest.unit} ${ARROWS[newest.trend] ?? ""}` : zh ? "无读数" : "no readings";
    make("text", { x: x + 13, y: y + 4, class: "map-value" }, group, `${it.name} ${value}${it.upstream ? (zh ? "（上游监视）" : " (upstream)") : ""}`);
  }
}

const LAYERS = { area, communities, rooms, stations };

function draw() {
  queued = false;
  svg.replaceChildren();
  view ??= fit();
  if (!view) {
    make("text", { x: WIDTH / 2, y: HEIGHT / 2, class: "map-street" }, svg, zh ? "还没有点位：导入 places 后显示" : "No positions yet: import places");
    return;
  }
  tiles(make("g", {}, svg));
  for (const [name, layer] of Object.entries(LAYERS)) if (!hidden.has(name)) layer(make("g", { "aria-hidden": "true" }, svg));
  make("text", { x: WIDTH - 10, y: HEIGHT - 10, class: "map-foot" }, svg, zh ? "示意图" : "Sketch map");
}

function redraw() {
  if (!queued) requestAnimationFrame(draw);
  queued = true;
}

function read() {
  const held = document.getElementById("map-data");
  if (!held || held.dataset.map === read.last) return;
  read.last = held.dataset.map;
  data = JSON.parse(held.dataset.map);
  redraw();
}

function move(x, y) {
  if (!view) return;
  view = { ...view, x: view.x + x / view.scale, y: view.y + y / view.scale };
  redraw();
}

function zoom(factor) {
  if (!view) return;
  view = { ...view, scale: Math.max(TILE, Math.min(CLOSE * 32, view.scale * factor)) };
  redraw();
}

const DOES = { in: () => zoom(1.5), out: () => zoom(1 / 1.5), all: () => { view = fit(); redraw(); } };
const KEYS = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] };

function startMap() {
  read();
  // The live parts of the page replace the data; the map follows.
  new MutationObserver(read).observe(document.querySelector(".map-page"), { childList: true });
  for (const button of document.querySelectorAll("[data-map-do]")) button.addEventListener("click", DOES[button.dataset.mapDo]);
  for (const box of document.querySelectorAll("[data-map-layer]")) {
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(box.dataset.mapLayer);
      else hidden.add(box.dataset.mapLayer);
      redraw();
    });
  }
  svg.addEventListener("keydown", (event) => {
    if (KEYS[event.key]) {
      event.preventDefault();
      move(...KEYS[event.key]);
    }
  });
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2);
  }, { passive: false });
  let held = null;
  svg.addEventListener("pointerdown", (event) => { held = { x: event.clientX, y: event.clientY }; });
  addEventListener("pointermove", (event) => {
    if (!held) return;
    const ratio = WIDTH / svg.getBoundingClientRect().width;
    move((held.x - event.clientX) * ratio, (held.y - event.clientY) * ratio);
    held = { x: event.clientX, y: event.clientY };
  });
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { held = null; });
}

const WALL = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "short" });

function startSlider() {
  const slider = document.querySelector("[data-map-slider]");
  if (!slider) return;
  let waiting = null;
  slider.addEventListener("input", () => {
    document.querySelector("[data-map-at]").textContent = WALL.format(new Date(slider.value * 60000));
  });
  // Keys step minute by minute; the page is asked for once they rest.
  slider.addEventListener("change", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      sessionStorage.setItem("map-slider", "1");
      location.href = `${slider.dataset.to}&at=${encodeURIComponent(new Date(slider.value * 60000).toISOString())}`;
    }, 500);
  });
  if (sessionStorage.getItem("map-slider")) slider.focus({ preventScroll: true });
  sessionStorage.removeItem("map-slider");
}

if (svg) startMap();
startSlider();
