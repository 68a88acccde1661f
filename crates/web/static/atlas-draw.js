// Draws the map on a canvas: base, outlines, shapes, points, names. Marks say what a thing is by their shape and sign, and how
// grave by shape, colour and order; nothing is said by colour alone.

import { POLYGON } from "./atlas-tile.js";
import { DEEPEST, project, scaleOf, tilesOf, toScreen } from "./atlas-ground.js";

export const GRADES = ["triangle", "square", "diamond", "circle"];
const NAMES = ["paper", "card", "line", "ink", "soft", "faint", "brand", "brand-soft", "focus", "font", "grade-1", "grade-2", "grade-3", "grade-4"];
const SIZE = 9;
const FEW = 80;
const NAMED_FROM = 12;
const MOST_NAMES = 160;

/** The colours of the page, or of the paper when printed. */
export function paletteOf(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Shapes around 0, 0; each as heavy to the eye as the others. */
const PATHS = {
  triangle: (at, r) => corners(at, [[0, -1.15 * r], [1.1 * r, 0.85 * r], [-1.1 * r, 0.85 * r]]),
  square: (at, r) => at.rect(-0.9 * r, -0.9 * r, 1.8 * r, 1.8 * r),
  diamond: (at, r) => corners(at, [[0, -1.2 * r], [1.2 * r, 0], [0, 1.2 * r], [-1.2 * r, 0]]),
  circle: (at, r) => at.arc(0, 0, r, 0, 2 * Math.PI),
  cross: (at, r) => corners(at, CROSS.map(([x, y]) => [x * r, y * r])),
  star: (at, r) => corners(at, STAR.map(([x, y]) => [x * r, y * r])),
};
const [ARM, END] = [0.5, 1.15];
const CROSS = [[-ARM, -END], [ARM, -END], [ARM, -ARM], [END, -ARM], [END, ARM], [ARM, ARM], [ARM, END], [-ARM, END], [-ARM, ARM], [-END, ARM], [-END, -ARM], [-ARM, -ARM]];
const STAR = Array.from({ length: 10 }, (_, i) => {
  const [far, turn] = [i % 2 ? 0.66 : 1.3, (i * Math.PI) / 5];
  return [far * Math.sin(turn), -far * Math.cos(turn)];
});

function corners(at, points) {
  points.forEach(([x, y], i) => (i ? at.lineTo(x, y) : at.moveTo(x, y)));
  at.closePath();
}

/** Draws the mark of a layer's thing around 0, 0. */
export function drawMark(at, palette, { symbol, sign }, grade, r = SIZE) {
  at.beginPath();
  (PATHS[grade ? GRADES[grade - 1] : symbol] ?? PATHS.circle)(at, r);
  at.lineJoin = "round";
  at.lineWidth = 3.5;
  at.strokeStyle = palette.card;
  at.stroke();
  at.fillStyle = grade ? palette[`grade-${grade}`] : palette["brand-soft"];
  at.fill();
  at.lineWidth = 1.2;
  at.strokeStyle = grade ? palette.ink : palette.brand;
  at.stroke();
  at.font = `600 ${Math.round(r * 1.15)}px ${palette.font}`;
  at.textAlign = "center";
  at.textBaseline = "middle";
  at.fillStyle = grade ? (grade === 3 ? "#2b2200" : palette.card) : palette.brand;
  at.fillText(sign, 0, (grade === 1 ? 0.2 : 0.06) * r);
}

/** Marks are drawn once and then only copied; one set per palette and pixel ratio. */
export class Sprites {
  constructor(palette, ratio) {
    Object.assign(this, { palette, ratio, made: new Map(), widths: new Map() });
  }

  of(layer, grade) {
    const key = `${layer.id} ${grade ?? 0}`;
    if (!this.made.has(key)) {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = Math.ceil(SIZE * 3.4 * this.ratio);
      const at = canvas.getContext("2d");
      at.setTransform(this.ratio, 0, 0, this.ratio, canvas.width / 2, canvas.height / 2);
      drawMark(at, this.palette, layer, grade);
      this.made.set(key, canvas);
    }
    return this.made.get(key);
  }

  width(at, font, text) {
    const key = `${font} ${text}`;
    at.font = font;
    if (!this.widths.has(key)) this.widths.set(key, at.measureText(text).width);
    return this.widths.get(key);
  }
}

const compact = new Intl.NumberFormat(globalThis.document?.documentElement.lang || "zh-CN", { notation: "compact", maximumFractionDigits: 1 });
const clusterSize = (count) => Math.min(23, 11 + 3.6 * Math.log10(count));

const HERE = { x: 0, y: 0 };
/** Bubbles of several layers over the same ground stand around it, so that none hides another. */
function besides(place, count) {
  const angle = (place / Math.max(count, 1)) * 2 * Math.PI;
  return count > 1 ? { x: 17 * Math.sin(angle), y: -17 * Math.cos(angle) } : HERE;
}

/** Everything that is on screen, the gravest last: `take(layer, thing, x, y)`. */
export function eachPoint({ view, layers, tiles }, take) {
  const covering = tilesOf(view);
  const scale = scaleOf(view);
  const [left, top] = [view.width / 2 - view.x * scale, view.height / 2 - view.y * scale];
  const which = view.zoom > DEEPEST + 0.6 ? "points" : "grouped";
  layers.forEach((layer, place) => {
    const aside = besides(place, layers.length);
    for (const tile of covering) {
      for (const held of tiles.at(layer.id, tile)) {
        for (const it of held[which]) {
          const far = it.count > 1 ? aside : HERE;
          const x = left + it.x * scale + far.x;
          const y = top + it.y * scale + far.y;
          if (x > -30 && y > -30 && x < view.width + 30 && y < view.height + 30) take(layer, it, x, y);
        }
      }
    }
  });
}

/** Lines and areas on screen, tile by tile: `take(layer, thing, tile)`. */
export function eachShape({ view, layers, tiles }, take) {
  const covering = tilesOf(view);
  for (const layer of layers) {
    for (const wanted of covering) for (const { shapes, tile } of tiles.at(layer.id, wanted)) for (const it of shapes) take(layer, it, tile);
  }
}

/** Keeps to the ground of a tile, in whole dots: what a tile has around it is the neighbour's to draw. */
function clip(at, { view, ratio }, { z, x, y }) {
  const dot = (value) => Math.round(value * ratio) / ratio;
  const [from, until] = [toScreen(view, { x: x / 2 ** z, y: y / 2 ** z }), toScreen(view, { x: (x + 1) / 2 ** z, y: (y + 1) / 2 ** z })];
  at.beginPath();
  at.rect(dot(from.x), dot(from.y), dot(until.x) - dot(from.x), dot(until.y) - dot(from.y));
  at.clip();
}

/** The radius in which a thing is met. */
export const reachOf = (thing) => (thing.count > 1 ? clusterSize(thing.count) : SIZE + 3);

function trace(at, view, parts, closed) {
  const scale = scaleOf(view);
  const [left, top] = [view.width / 2 - view.x * scale, view.height / 2 - view.y * scale];
  at.beginPath();
  for (const part of parts) {
    part.forEach(([x, y], i) => (i ? at.lineTo(left + x * scale, top + y * scale) : at.moveTo(left + x * scale, top + y * scale)));
    if (closed) at.closePath();
  }
}

export const RASTER = 256;

function base(at, { view, base: shown }) {
  if (!shown) return;
  for (const tile of tilesOf(view, RASTER, 18)) {
    const picture = shown.picture(tile);
    if (!picture) continue;
    const count = 2 ** tile.z;
    const from = toScreen(view, { x: tile.x / count, y: tile.y / count });
    const size = scaleOf(view) / count;
    at.drawImage(picture, from.x, from.y, size + 0.5, size + 0.5);
  }
}

function outlines(at, { view, palette, outlines: all }) {
  at.lineJoin = "round";
  for (const it of all) {
    trace(at, view, it.rings, true);
    at.setLineDash(it.level >= 4 ? [4, 3] : []);
    at.lineWidth = it.level >= 5 ? 0.8 : it.level === 4 ? 1.2 : 2;
    at.strokeStyle = it.level >= 5 ? palette.line : palette.faint;
    at.stroke();
  }
  at.setLineDash([]);
}

function shapes(at, scene) {
  const { view, palette } = scene;
  const marked = new Map();
  eachShape(scene, (layer, it, tile) => {
    at.save();
    clip(at, scene, tile);
    trace(at, view, it.parts, it.kind === POLYGON);
    if (it.kind === POLYGON) {
      at.globalAlpha = 0.35;
      at.fillStyle = it.grade ? palette[`grade-${it.grade}`] : palette["brand-soft"];
      at.fill("evenodd");
      at.globalAlpha = 1;
    } else {
      at.lineWidth = 5;
      at.strokeStyle = palette.card;
      at.stroke();
    }
    at.lineWidth = it.kind === POLYGON ? 1.2 : 2.5;
    at.strokeStyle = it.grade ? palette[`grade-${it.grade}`] : palette.brand;
    at.stroke();
    at.restore();
    const key = `${layer.id} ${it.id}`;
    if (!marked.has(key) || marked.get(key).it.size < it.size) marked.set(key, { layer, it });
  });
  return [...marked.values()].map(({ layer, it }) => ({ layer, it, ...toScreen(view, it) })).filter((mark) => mark.it.size * scaleOf(view) > 24);
}

function cluster(at, palette, sprites, layer, it, x, y) {
  const r = clusterSize(it.count);
  at.beginPath();
  at.arc(x, y, r, 0, 2 * Math.PI);
  at.fillStyle = palette.card;
  at.fill();
  // One grave thing does not make a crowd grave: the small mark says it, the rim stays quiet.
  at.lineWidth = 2;
  at.strokeStyle = palette.soft;
  at.stroke();
  at.fillStyle = palette.ink;
  at.font = `600 12px ${palette.font}`;
  at.textAlign = "center";
  at.textBaseline = "middle";
  at.fillText(compact.format(it.count), x, y + 1);
  const mark = sprites.of(layer, it.grade);
  const size = (mark.width / sprites.ratio) * 0.8;
  at.drawImage(mark, x + r * 0.7 - size / 2, y - r * 0.7 - size / 2, size, size);
}

function names(at, { view, palette, sprites, outlines: all }, marks) {
  // No name hides how many a bubble stands for.
  const taken = marks.filter(({ it }) => it.count > 1).map(({ it, x, y }) => { const r = clusterSize(it.count); return [x - r, y - r, x + r, y + r]; });
  let written = 0;
  const write = (text, x, y, strong) => {
    const font = `${strong ? 600 : 400} ${strong ? 13 : 12}px ${palette.font}`;
    const width = sprites.width(at, font, text) + 6;
    const box = [x - width / 2, y - 8, x + width / 2, y + 8];
    if (written >= MOST_NAMES || taken.some((it) => box[0] < it[2] && box[2] > it[0] && box[1] < it[3] && box[3] > it[1])) return;
    taken.push(box);
    written += 1;
    at.lineWidth = 3;
    at.strokeStyle = palette.paper;
    at.strokeText(text, x, y);
    at.fillStyle = strong ? palette.soft : palette.ink;
    at.fillText(text, x, y);
  };
  at.textAlign = "center";
  at.textBaseline = "middle";
  at.lineJoin = "round";
  // The gravest was drawn last and is named first.
  const single = marks.filter(({ it }) => it.count <= 1 && it.name);
  if (view.zoom >= NAMED_FROM || single.length <= FEW) for (const { it, x, y } of single.reverse()) write(it.name, x, y + SIZE + 11, false);
  for (const it of all) {
    const middle = toScreen(view, it.middle);
    const room = it.size * scaleOf(view);
    if (it.name && room > 60 && room < 2400) write(it.name, middle.x, middle.y, true);
  }
}

/** Draws the scene: {view, ratio, palette, sprites, layers, tiles, outlines, base}. */
export function paint(at, scene) {
  const { view, ratio, palette, sprites } = scene;
  at.setTransform(ratio, 0, 0, ratio, 0, 0);
  at.fillStyle = palette.paper;
  at.fillRect(0, 0, view.width, view.height);
  base(at, scene);
  outlines(at, scene);
  const marks = shapes(at, scene);
  eachPoint(scene, (layer, it, x, y) => marks.push({ layer, it, x, y }));
  for (const { layer, it, x, y } of marks) {
    if (it.count > 1) cluster(at, palette, sprites, layer, it, x, y);
    else {
      // On whole dots a mark is copied as it is, several times faster than between them.
      const mark = sprites.of(layer, it.grade);
      const size = mark.width / ratio;
      at.drawImage(mark, Math.round((x - size / 2) * ratio) / ratio, Math.round((y - size / 2) * ratio) / ratio, size, size);
    }
  }
  names(at, scene, marks);
}

/** Outlines as the server gives them, made ready to draw. */
export function readOutlines({ features }) {
  return features.filter((it) => it.geometry).map(({ properties, geometry }) => {
    const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
    const rings = polygons.flat().map((ring) => ring.map((it) => { const { x, y } = project(it); return [x, y]; }));
    const largest = rings.reduce((a, b) => (b.length > a.length ? b : a));
    const span = (i) => { const all = largest.map((it) => it[i]); return [Math.min(...all), Math.max(...all)]; };
    const [[west, east], [north, south]] = [span(0), span(1)];
    return { ...properties, rings, middle: { x: (west + east) / 2, y: (north + south) / 2 }, size: east - west };
  });
}
