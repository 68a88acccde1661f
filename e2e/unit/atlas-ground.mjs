import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as ground from "../../crates/web/static/atlas-ground.js";
import { numbers } from "./kit/encode.mjs";

const cases = JSON.parse(readFileSync(new URL("../../crates/codecs/tests/data/mvt/tiles.json", import.meta.url)));
const LUOHU = { ...ground.project([114.13, 22.56]), zoom: 12, width: 1366, height: 640 };
const near = (got, want, slack) => assert.ok(Math.abs(got - want) <= slack, `${got}, not ${want}`);

for (const { id, input, expect } of cases.filter((it) => it.kind === "ok" && it.input.lon !== undefined)) {
  test(`${id} lies in its tile`, () => {
    const { x, y } = ground.project([input.lon, input.lat]);
    const count = 2 ** input.zoom;
    const place = (value) => Math.min(count - 1, Math.floor(value * count));
    assert.deepEqual([place(x), place(y)], [expect.x, expect.y_xyz]);
  });
}

test("a place comes back from the screen", () => {
  const random = numbers(3);
  for (let i = 0; i < 500; i += 1) {
    const place = [random() * 360 - 180, random() * 168 - 84];
    const view = { ...ground.project(place), zoom: 1 + random() * 18, width: 1366, height: 640 };
    const [longitude, latitude] = ground.placeAt(view, ground.toScreen(view, ground.project(place)));
    near(longitude, place[0], 1e-6);
    near(latitude, place[1], 1e-6);
  }
});

test("zooming keeps what lies under the pointer", () => {
  for (const steps of [-3, -0.4, 0.5, 2.5]) {
    const at = { x: 200, y: 500 };
    const [before, after] = [ground.placeAt(LUOHU, at), ground.placeAt(ground.zoomed(LUOHU, steps, at), at)];
    near(after[0], before[0], 1e-9);
    near(after[1], before[1], 1e-9);
  }
});

test("a view that was fitted shows all of its bounds", () => {
  const bounds = [114.04, 22.5, 114.22, 22.62];
  const [west, south, east, north] = ground.boundsOf(ground.fitted(LUOHU, bounds));
  assert.ok(west <= bounds[0] && south <= bounds[1] && east >= bounds[2] && north >= bounds[3]);
});

test("the tiles of a view cover every spot of it once, the middle first, and are few", () => {
  const random = numbers(9);
  for (let i = 0; i < 200; i += 1) {
    const view = { ...LUOHU, x: random(), y: random(), zoom: 1 + random() * 19 };
    const tiles = ground.tilesOf(view);
    const names = new Set(tiles.map((it) => `${it.z}/${it.x}/${it.y}`));
    assert.equal(names.size, tiles.length);
    assert.ok(tiles.length <= 500 && tiles.every((it) => it.z <= ground.DEEPEST));
    const spot = ground.toWorld(view, { x: random() * view.width, y: random() * view.height });
    if (spot.x < 0 || spot.y < 0 || spot.x >= 1 || spot.y >= 1) continue;
    const count = 2 ** tiles[0].z;
    assert.ok(names.has(`${tiles[0].z}/${Math.floor(spot.x * count)}/${Math.floor(spot.y * count)}`));
  }
});

test("distances and areas agree with the sphere's own formulas", () => {
  near(ground.metres([0, 0], [0, 1]), 111_195.08, 0.1);
  near(ground.metres([0, 0], [180, 0]), Math.PI * 6_371_008.8, 1);
  near(ground.lengthOf([[114, 22], [114, 23], [114, 24]]), 2 * 111_195.08, 0.2);
  // A square degree at the equator: R² × (π/180) × sin 1°.
  near(ground.areaOf([[0, 0], [1, 0], [1, 1], [0, 1]]) / (6_371_008.8 ** 2 * (Math.PI / 180) * Math.sin(Math.PI / 180)), 1, 1e-9);
  assert.equal(ground.areaOf([[0, 0], [1, 1]]), 0);
  const circle = ground.circleOf([114.13, 22.56], 500);
  for (const place of circle) near(ground.metres([114.13, 22.56], place), 500, 0.01);
  near(ground.areaOf(circle) / (Math.PI * 500 ** 2), 1, 0.003);
});

test("the scale bar is a round distance of the length it says", () => {
  for (let zoom = 1; zoom <= 20; zoom += 0.7) {
    const view = { ...LUOHU, zoom };
    const { metres, pixels } = ground.scaleBar(view);
    assert.ok([1, 2, 5].includes(Number(`${metres.toExponential()}`[0])) && pixels <= 120 && pixels > 40, `${metres} ${pixels}`);
    const [from, until] = [0, pixels].map((x) => ground.placeAt(view, { x: view.width / 2 + x, y: view.height / 2 }));
    if (metres < 50_000) near(ground.metres(from, until) / metres, 1, 0.001);
  }
});

test("what a shape holds and how far a line is", () => {
  const square = [[0, 0], [10, 0], [10, 10], [0, 10]];
  const hole = [[4, 4], [6, 4], [6, 6], [4, 6]];
  for (const [place, inside] of [[[1, 1], true], [[5, 5], false], [[11, 5], false], [[9.9, 9.9], true]]) assert.equal(ground.within([square, hole], place), inside);
  assert.equal(ground.awayFrom([[0, 0], [10, 0]], [5, 3]), 3);
  assert.equal(ground.awayFrom([[0, 0], [10, 0]], [13, 4]), 5);
});

test("an address names the view, its layers and its moment, and nothing broken is followed", () => {
  const link = { zoom: 14.5, latitude: 22.56, longitude: 114.13, layers: ["slope", "service-station"], at: "2026-06-01T08:00:00+08:00" };
  assert.deepEqual(ground.readHash(ground.writeHash(link)), link);
  assert.deepEqual(ground.readHash(ground.writeHash({ ...link, layers: [], at: null })), { ...link, layers: [], at: null });
  assert.equal(ground.readHash("#12/22.5/114.1").layers, null);
  for (const bad of ["", "#", "#content", "#12/22.5", "#a/b/c", "#12/95/114", "#12/22/214", "#//"]) assert.equal(ground.readHash(bad), null, bad);
  assert.deepEqual(ground.readHash("#12/22.5/114.1&layers=%E0%A4%A").layers, []);
});
