import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decode } from "../../crates/web/static/atlas-tile.js";
import { unpack } from "../../crates/web/static/atlas-cache.js";
import { encode, numbers } from "./kit/encode.mjs";

const fixtures = JSON.parse(readFileSync(new URL("../../crates/codecs/tests/data/mvt/fixtures.json", import.meta.url)));
const bytesOf = (id) => Uint8Array.from(Buffer.from(fixtures.find((it) => it.id === id).input.base64, "base64"));

for (const { id, kind, expect, note } of fixtures.filter((it) => it.id.startsWith("mvt-"))) {
  if (kind === "ok") test(`${id} is read: ${note}`, () => assert.ok(decode(bytesOf(id)).every((it) => it.name && it.extent > 0)));
  else if (expect.error === "fatal") test(`${id} is refused: ${note}`, () => assert.throws(() => decode(bytesOf(id)), Error));
  else test(`${id} is read or refused, and gives no feature of an unknown kind`, () => {
    let layers = [];
    try { layers = decode(bytesOf(id)); } catch { /* Refused. */ }
    assert.ok(layers.every((it) => it.features.every((feature) => [1, 2, 3].includes(feature.kind))));
  });
}

test("points, lines and values come out as they stand in the fixtures", () => {
  const [point] = decode(bytesOf("mvt-017"))[0].features;
  assert.deepEqual([point.kind, point.parts, point.properties], [1, [[[25, 17]]], { hello: "world" }]);
  const [lines] = decode(bytesOf("mvt-021"))[0].features;
  assert.deepEqual(lines.parts, [[[2, 2], [2, 10], [10, 10]], [[1, 1], [3, 5]]]);
  const values = decode(bytesOf("mvt-043"))[0].features.map((it) => it.properties.poi);
  assert.deepEqual(values, ["swing", "water_fountain", "slide", "bathroom", "tree", "bench"]);
  const cities = decode(bytesOf("mvt-062"))[0].features.map((it) => it.properties.population);
  assert.deepEqual(cities, [10, 20, 30, -1, 9999]);
});

test("a tile that was cut off or changed is read or refused, and never hangs", () => {
  const random = numbers(11);
  for (const id of ["mvt-017", "mvt-021", "mvt-043", "mvt-062"]) {
    const whole = bytesOf(id);
    for (let i = 0; i < 600; i += 1) {
      const bytes = whole.slice(0, i < whole.length ? i : whole.length);
      if (bytes.length && i >= whole.length) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      try { decode(bytes); } catch (error) { assert.ok(error instanceof Error); }
    }
  }
});

test("what was put into a tile is found at its place, the gravest last; the border is the neighbour's", () => {
  const things = [
    { kind: 1, points: [[2048, 2048]], properties: { id: "a", name: "甲", grade: 1 } },
    { kind: 1, points: [[0, 4095]], properties: { id: "b" } },
    { kind: 1, points: [[4096, 10]], properties: { id: "border", grade: 2 } },
    { kind: 3, points: [[0, 0], [4096, 0], [4096, 4096], [0, 4096]], properties: { id: "c", grade: 3 } },
  ];
  const { points, shapes } = unpack(encode("slope", things), { z: 1, x: 1, y: 0 });
  assert.deepEqual(points.map((it) => it.id), ["b", "a"]);
  assert.deepEqual([points[1].x, points[1].y, points[1].name], [0.75, 0.25, "甲"]);
  assert.deepEqual([shapes[0].x, shapes[0].y, shapes[0].kind], [0.75, 0.25, 3]);
});

test("crowds lose nobody: bubbles and single points add up, and the gravest is said", () => {
  const random = numbers(5);
  for (let round = 0; round < 40; round += 1) {
    const near = () => Math.floor((round % 2 ? random() : random() ** 4) * 4096);
    const things = Array.from({ length: Math.floor(random() * 400) }, (_, i) => ({ kind: 1, points: [[near(), near()]], properties: { id: `${i}`, grade: 1 + Math.floor(random() * 4), count: 1 + Math.floor(random() ** 6 * 50) } }));
    if (!things.length) continue;
    const { points, grouped } = unpack(encode("slope", things), { z: 14, x: 13379, y: 7124 });
    const sum = (all) => all.reduce((total, it) => total + it.count, 0);
    assert.equal(sum(grouped), sum(points));
    const gravest = (all) => Math.min(...all.map((it) => it.grade));
    assert.equal(gravest(grouped), gravest(points));
  }
});
