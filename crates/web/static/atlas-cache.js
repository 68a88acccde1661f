// The tiles that are at hand: fetched once, kept while there is room, let go of when nobody looks at them any more.

import { POINT, POLYGON, decode } from "./atlas-tile.js";

const MOST = 600;
const AGAIN = 10_000;

const gravest = (a, b) => (b.grade ?? 9) - (a.grade ?? 9);

/** The middle of a shape's largest part, where its mark stands; `size` says which of several tiles shows most of it. */
function middle(parts, kind) {
  const boxes = parts.map((part) => {
    const [xs, ys] = [part.map((it) => it[0]), part.map((it) => it[1])];
    return { part, west: Math.min(...xs), east: Math.max(...xs), north: Math.min(...ys), south: Math.max(...ys) };
  });
  const size = (it) => Math.hypot(it.east - it.west, it.south - it.north);
  const largest = boxes.reduce((a, b) => (size(b) > size(a) ? b : a));
  const [x, y] = kind === POLYGON ? [(largest.west + largest.east) / 2, (largest.north + largest.south) / 2] : largest.part[largest.part.length >> 1];
  return { x, y, size: size(largest) };
}

/** Cells of a tile along each side, and how many points crowd one. */
const CELLS = 6;
const CROWD = 6;

/** Points as they are drawn at the tile's own zoom: a crowd is one bubble that says how many and how grave the gravest. */
function grouped(points, { z, x, y }) {
  const cells = new Map();
  const cell = (value, from) => Math.floor((value * 2 ** z - from) * CELLS);
  for (const it of points) {
    const key = cell(it.x, x) * CELLS + cell(it.y, y);
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(it);
  }
  const drawn = [];
  for (const all of cells.values()) {
    if (all.length < CROWD && all.every((it) => it.count <= 1)) { drawn.push(...all); continue; }
    const count = all.reduce((sum, it) => sum + it.count, 0);
    const mean = (key) => all.reduce((sum, it) => sum + it[key] * it.count, 0) / count;
    drawn.push({ id: all[0].id, name: "", grade: all[all.length - 1].grade, count, x: mean("x"), y: mean("y") });
  }
  return drawn.sort(gravest);
}

/** What a tile's bytes hold, in world coordinates: points (the gravest last), the same with crowds drawn together, shapes; and
 *  the tile whose ground they fill. */
export function unpack(bytes, tile) {
  const { z, x, y } = tile;
  const [points, shapes] = [[], []];
  const count = 2 ** z;
  for (const { extent, features } of decode(bytes)) {
    for (const { kind, properties, parts, id } of features) {
      const named = { id: properties.id ?? id, name: properties.name ?? "", grade: properties.grade, count: properties.count ?? 1 };
      const placed = parts.map((part) => part.map(([px, py]) => [(x + px / extent) / count, (y + py / extent) / count]));
      if (kind === POINT) {
        // What lies in the border around the tile is the neighbour's.
        const own = placed.filter((_, i) => parts[i][0].every((it) => it >= 0 && it < extent));
        points.push(...own.map(([[wx, wy]]) => ({ ...named, x: wx, y: wy })));
      } else if (placed.length) shapes.push({ ...named, kind, parts: placed, ...middle(placed, kind) });
    }
  }
  points.sort(gravest);
  return { points, grouped: grouped(points, tile), shapes, tile };
}

const empty = (tile) => ({ points: [], grouped: [], shapes: [], tile });

export class Tiles {
  /** `address(layer, tile)` says where a tile is read, `changed(layer)` hears that something came, `refused(layer)` that the
   *  layer has no past. */
  constructor({ address, changed, refused, again = AGAIN }) {
    Object.assign(this, { address, changed, refused, again, held: new Map(), waiting: new Map(), failed: 0, idle: [] });
  }

  /** Lets everything go: another moment is asked for. */
  clear() {
    for (const it of this.waiting.values()) it.abort();
    this.waiting.clear();
    this.held.clear();
  }

  /** What is held may have changed: it is read again when looked at, and shown until then. */
  age() {
    for (const it of this.held.values()) it.old = true;
  }

  /** Asks for the tiles of these layers, and for no others that are still on their way. */
  want(layers, tiles) {
    const wanted = new Map(layers.flatMap((layer) => tiles.map((tile) => [keyOf(layer, tile), [layer, tile]])));
    for (const [key, it] of this.waiting) if (!wanted.has(key)) { it.abort(); this.waiting.delete(key); }
    for (const [key, [layer, tile]] of wanted) {
      const has = this.held.get(key);
      if (has) { this.held.delete(key); this.held.set(key, has); }
      if ((!has || has.old) && !this.waiting.has(key)) this.fetch(key, layer, tile);
    }
    for (const key of this.held.keys()) {
      if (this.held.size <= MOST) break;
      if (!wanted.has(key)) this.held.delete(key);
    }
    this.rest();
  }

  async fetch(key, layer, tile) {
    const stop = new AbortController();
    this.waiting.set(key, stop);
    try {
      const answer = await fetch(this.address(layer, tile), { signal: stop.signal, credentials: "same-origin" });
      const found = await this.read(answer, layer, tile);
      if (stop.signal.aborted) return;
      this.held.set(key, { ...found, old: false });
      this.failed = 0;
    } catch (error) {
      if (stop.signal.aborted) return;
      this.failed += 1;
      this.held.set(key, { ...(this.held.get(key) ?? empty(tile)), old: false, why: `${error.message}` });
      setTimeout(() => { const it = this.held.get(key); if (it?.why) it.old = true; this.changed(layer); }, this.again);
    }
    if (this.waiting.get(key) === stop) this.waiting.delete(key);
    this.changed(layer);
    this.rest();
  }

  async read(answer, layer, tile) {
    if (answer.status === 204) return empty(tile);
    if (answer.ok) return unpack(new Uint8Array(await answer.arrayBuffer()), tile);
    const problem = await answer.json().catch(() => ({}));
    if (problem.code !== "no_past") throw new Error(problem.detail ?? problem.title ?? `${answer.status}`);
    this.refused(layer);
    return empty(tile);
  }

  /** Resolves once nothing is on its way. */
  settled() {
    return this.waiting.size ? new Promise((done) => this.idle.push(done)) : Promise.resolve();
  }

  rest() {
    if (!this.waiting.size) for (const done of this.idle.splice(0)) done();
  }

  /** What there is to draw for a tile: its own, else the part of a larger one, else of smaller ones. */
  at(layer, tile) {
    const own = this.held.get(keyOf(layer, tile));
    if (own) return [own];
    for (let up = 1; up <= Math.min(6, tile.z); up += 1) {
      const larger = this.held.get(keyOf(layer, { z: tile.z - up, x: tile.x >> up, y: tile.y >> up }));
      if (larger) return [inside(larger, tile)];
    }
    const below = [0, 1, 2, 3].map((i) => ({ z: tile.z + 1, x: tile.x * 2 + (i % 2), y: tile.y * 2 + (i >> 1) }));
    return below.map((it) => this.held.get(keyOf(layer, it))).filter(Boolean);
  }
}

const keyOf = (layer, { z, x, y }) => `${layer}/${z}/${x}/${y}`;

function inside(held, tile) {
  const { z, x, y } = tile;
  const count = 2 ** z;
  const own = (it) => Math.floor(it.x * count) === x && Math.floor(it.y * count) === y;
  return { points: held.points.filter(own), grouped: held.grouped.filter(own), shapes: held.shapes, tile };
}
