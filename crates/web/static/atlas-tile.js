// Reads a vector tile (Mapbox Vector Tile 2.1): protocol buffers by hand, no more of them than a tile has. What does not keep to
// the format is an error, never half a tile.

const WORDS = new TextDecoder("utf-8", { fatal: true });
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5];
export const [POINT, LINE, POLYGON] = [1, 2, 3];

/** A number of up to 64 bits; one whose highest bit is set is negative, counted from its complement, which is exact. */
function varint(from) {
  let [value, missing, factor] = [0, 0, 1];
  for (let i = 0; i < 10; i += 1) {
    if (from.at >= from.end) throw new Error("the tile ends within a number");
    const byte = from.bytes[from.at];
    from.at += 1;
    if (i === 9 && byte === 1) return -missing - 1;
    value += (byte & 0x7f) * factor;
    missing += (~byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 128;
  }
  throw new Error("a number of the tile is too long");
}

function part(from, length) {
  const end = from.at + length;
  if (length < 0 || end > from.end) throw new Error("the tile ends too early");
  const found = { bytes: from.bytes, at: from.at, end };
  from.at = end;
  return found;
}

/** Calls `take(field, value, wire)` for each field; bytes come as a part to be read on. */
function fields(from, take) {
  while (from.at < from.end) {
    const tag = varint(from);
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === VARINT) take(field, varint(from), wire);
    else if (wire === FIXED64) take(field, part(from, 8), wire);
    else if (wire === BYTES) take(field, part(from, varint(from)), wire);
    else if (wire === FIXED32) take(field, part(from, 4), wire);
    else throw new Error(`the tile has a field of the unknown kind ${wire}`);
  }
}

const expect = (wire, wanted, what) => {
  if (wire !== wanted) throw new Error(`${what} of the tile is of the wrong kind`);
};
const text = (it) => WORDS.decode(it.bytes.subarray(it.at, it.end));
const zigzag = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);
const unsigned = (value) => (value < 0 ? value + 2 ** 64 : value);
const number = (it) => new DataView(it.bytes.buffer, it.bytes.byteOffset + it.at, it.end - it.at);

const VALUES = {
  1: [BYTES, text],
  2: [FIXED32, (it) => number(it).getFloat32(0, true)],
  3: [FIXED64, (it) => number(it).getFloat64(0, true)],
  4: [VARINT, (it) => it],
  5: [VARINT, (it) => unsigned(it)],
  6: [VARINT, (it) => zigzag(unsigned(it))],
  7: [VARINT, (it) => it !== 0],
};

function value(from) {
  let found;
  fields(from, (field, it, wire) => {
    if (!VALUES[field]) return;
    const [wanted, read] = VALUES[field];
    expect(wire, wanted, "a value");
    found = read(it);
  });
  if (found === undefined) throw new Error("a value of the tile has no type that is known");
  return found;
}

function packed(from, wire, what) {
  expect(wire, BYTES, what);
  const found = [];
  while (from.at < from.end) found.push(varint(from));
  if (found.some((it) => it < 0)) throw new Error(`${what} of the tile is out of range`);
  return found;
}

const [MOVE, DRAW, CLOSE] = [1, 2, 7];

/** Parts of a geometry, each [[x, y], …]: points, lines or rings (not closed by their first point). */
function geometry(codes, kind) {
  const parts = [];
  let [x, y, i] = [0, 0, 0];
  while (i < codes.length) {
    const [command, count] = [codes[i] % 8, Math.floor(codes[i] / 8)];
    i += 1;
    if (command === CLOSE) {
      if (kind !== POLYGON || count !== 1 || !parts.length) throw new Error("a ring of the tile is closed wrongly");
      continue;
    }
    if ((command !== MOVE && command !== DRAW) || count * 2 > codes.length - i) throw new Error("a geometry of the tile is broken");
    if (command === DRAW && (!parts.length || kind === POINT)) throw new Error("a line of the tile begins nowhere");
    for (let n = 0; n < count; n += 1, i += 2) {
      x += zigzag(codes[i]);
      y += zigzag(codes[i + 1]);
      if (command === MOVE) parts.push([[x, y]]);
      else parts[parts.length - 1].push([x, y]);
    }
  }
  return parts;
}

function feature(from) {
  const found = { id: undefined, kind: 0, tags: [], codes: [] };
  fields(from, (field, it, wire) => {
    if (field === 1) found.id = it;
    else if (field === 2) found.tags = packed(it, wire, "a tag");
    else if (field === 3) found.kind = it;
    else if (field === 4) found.codes = packed(it, wire, "a geometry");
  });
  return found;
}

function layer(from) {
  const found = { name: null, version: 1, extent: 4096, keys: [], values: [], raw: [] };
  fields(from, (field, it, wire) => {
    if (field === 15) found.version = it;
    else if (field === 5) {
      expect(wire, VARINT, "the extent");
      found.extent = it;
    } else if (field === 1 || field === 3) {
      expect(wire, BYTES, "a name");
      if (field === 1) found.name = text(it);
      else found.keys.push(text(it));
    } else if (field === 2 || field === 4) {
      expect(wire, BYTES, "a part");
      if (field === 2) found.raw.push(feature(it));
      else found.values.push(value(it));
    }
  });
  if (found.name === null || !found.extent) throw new Error("a layer of the tile has no name or no extent");
  const { name, version, extent } = found;
  return { name, version, extent, features: found.raw.filter((it) => it.kind >= POINT && it.kind <= POLYGON).map((it) => whole(it, found)) };
}

function whole({ id, kind, tags, codes }, { keys, values }) {
  if (tags.length % 2) throw new Error("a feature of the tile has a key without a value");
  const properties = {};
  for (let i = 0; i < tags.length; i += 2) {
    if (tags[i] >= keys.length || tags[i + 1] >= values.length) throw new Error("a feature of the tile has a key or value that is not there");
    properties[keys[tags[i]]] = values[tags[i + 1]];
  }
  return { id, kind, properties, parts: geometry(codes, kind) };
}

/** The layers of a tile: [{name, version, extent, features: [{id, kind, properties, parts}]}]. */
export function decode(bytes) {
  const layers = [];
  fields({ bytes, at: 0, end: bytes.length }, (field, it, wire) => {
    if (field !== 3) return;
    expect(wire, BYTES, "a layer");
    layers.push(layer(it));
  });
  return layers;
}
