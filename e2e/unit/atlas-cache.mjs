import assert from "node:assert/strict";
import { test } from "node:test";
import { Tiles } from "../../crates/web/static/atlas-cache.js";
import { encode } from "./kit/encode.mjs";

const BYTES = encode("slope", [{ kind: 1, points: [[100, 100]], properties: { id: "a" } }, { kind: 1, points: [[4000, 4000]], properties: { id: "b" } }]);

/** Tiles over a server that answers when it is told to. */
function given(answer = () => new Response(BYTES)) {
  const asked = [];
  const refused = new Set();
  globalThis.fetch = (url, { signal }) => new Promise((done, fail) => {
    asked.push({ url, signal, come: () => done(answer(url)) });
    signal.addEventListener("abort", () => fail(signal.reason));
  });
  const tiles = new Tiles({ address: (layer, { z, x, y }) => `${layer}/${z}/${x}/${y}`, changed: () => {}, refused: (layer) => refused.add(layer), again: 0 });
  const come = async () => { for (const it of asked) it.come(); await tiles.settled(); };
  return { tiles, asked, refused, come };
}
const TILE = { z: 3, x: 6, y: 3 };

test("a tile is asked for once", async () => {
  const { tiles, asked, come } = given();
  tiles.want(["slope"], [TILE]);
  tiles.want(["slope"], [TILE]);
  await come();
  tiles.want(["slope"], [TILE]);
  assert.deepEqual(asked.map((it) => it.url), ["slope/3/6/3"]);
  assert.deepEqual(tiles.at("slope", TILE)[0].points.map((it) => it.id), ["a", "b"]);
});

test("what nobody looks at any more is called back, and leaves no trace when it comes late", async () => {
  const { tiles, asked, come } = given();
  tiles.want(["slope"], [TILE]);
  tiles.want(["slope"], [{ z: 3, x: 0, y: 0 }]);
  assert.deepEqual(asked.map((it) => it.signal.aborted), [true, false]);
  await come();
  assert.deepEqual([...tiles.held.keys()], ["slope/3/0/0"]);
});

test("until a tile comes its part of the larger one is shown", async () => {
  const { tiles, come } = given();
  tiles.want(["slope"], [TILE]);
  await come();
  const below = (x, y) => tiles.at("slope", { z: 4, x: 12 + x, y: 6 + y }).flatMap((it) => it.points.map((point) => point.id));
  assert.deepEqual([below(0, 0), below(1, 1), below(0, 1)], [["a"], ["b"], []]);
  const above = tiles.at("slope", { z: 2, x: 3, y: 1 }).flatMap((it) => it.points.map((point) => point.id));
  assert.deepEqual(above, ["a", "b"]);
});

test("aged tiles are asked for again and shown until the new ones come", async () => {
  const { tiles, asked, come } = given();
  tiles.want(["slope"], [TILE]);
  await come();
  tiles.age();
  tiles.want(["slope"], [TILE]);
  assert.equal(asked.length, 2);
  assert.equal(tiles.at("slope", TILE)[0].points.length, 2);
});

test("nothing, no past, and a fault are told apart", async () => {
  const answers = { empty: new Response(null, { status: 204 }), timeless: Response.json({ code: "no_past" }, { status: 404 }), broken: Response.json({ title: "系统出错" }, { status: 500 }) };
  const { tiles, refused, come } = given((url) => answers[url.split("/")[0]]);
  tiles.want(Object.keys(answers), [TILE]);
  await come();
  assert.deepEqual([...refused], ["timeless"]);
  assert.equal(tiles.failed, 1);
  assert.equal(tiles.at("broken", TILE)[0].why, "系统出错");
  assert.deepEqual(tiles.at("empty", TILE)[0].points, []);
});
