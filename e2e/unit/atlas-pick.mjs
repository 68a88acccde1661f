import assert from "node:assert/strict";
import { test } from "node:test";
import { unpack } from "../../crates/web/static/atlas-cache.js";
import { pick } from "../../crates/web/static/atlas-pick.js";
import { encode } from "./kit/encode.mjs";

// One tile of 512 pixels fills the screen: eight of its units are one pixel.
const view = { x: 0.5, y: 0.5, zoom: 0, width: 512, height: 512 };
const at = (x, y) => [x * 8, y * 8];
const scene = (...layers) => {
  const held = new Map(layers.map(([id, things]) => [id, unpack(encode(id, things), { z: 0, x: 0, y: 0 })]));
  return { view, layers: layers.map(([id]) => ({ id })), tiles: { at: (id) => [held.get(id)] } };
};
const point = (id, x, y, more = {}) => ({ kind: 1, points: [at(x, y)], properties: { id, ...more } });
const square = (id, from, size) => ({ kind: 3, points: [at(from, from), at(from + size, from), at(from + size, from + size), at(from, from + size)], properties: { id } });
const ids = (found) => found.map((it) => it.it.id);

test("the nearest point is met first, and none that is out of reach", () => {
  const all = scene(["slope", [point("a", 100, 100), point("b", 106, 100), point("c", 200, 200)]]);
  assert.deepEqual(ids(pick(all, { x: 105, y: 100 })), ["b", "a"]);
  assert.deepEqual(ids(pick(all, { x: 150, y: 150 })), []);
});

test("a finger reaches further than a mouse", () => {
  const all = scene(["slope", [point("a", 100, 100)]]);
  assert.deepEqual(ids(pick(all, { x: 118, y: 100 })), []);
  assert.deepEqual(ids(pick(all, { x: 118, y: 100 }, true)), ["a"]);
});

test("a bubble is met as far as it is drawn", () => {
  const all = scene(["slope", [point("crowd", 100, 100, { count: 500 })]]);
  assert.equal(pick(all, { x: 118, y: 100 })[0].it.count, 500);
});

test("points come before lines, lines before areas, a small area before the large one around it", () => {
  const river = { kind: 2, points: [at(50, 150), at(250, 150)], properties: { id: "river" } };
  const all = scene(["area", [square("large", 50, 200), square("small", 100, 80)]], ["river", [river]], ["slope", [point("a", 120, 150)]]);
  assert.deepEqual(ids(pick(all, { x: 121, y: 150 })), ["a"]);
  assert.deepEqual(ids(pick(all, { x: 150, y: 153 })), ["river"]);
  assert.deepEqual(ids(pick(all, { x: 150, y: 120 })), ["small", "large"]);
  assert.deepEqual(ids(pick(all, { x: 60, y: 60 })), ["large"]);
});
