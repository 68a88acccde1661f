// A vector tile of one layer, as small as the tests need it.
const varint = (value) => { const bytes = []; for (let rest = value; ; rest = Math.floor(rest / 128)) { bytes.push(rest > 127 ? (rest & 127) | 128 : rest); if (rest <= 127) return bytes; } };
const field = (number, bytes) => [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
const text = (number, words) => field(number, [...Buffer.from(words)]);
const zigzag = (value) => (value < 0 ? -2 * value - 1 : 2 * value);

function geometry(points, kind) {
  const codes = [];
  let from = [0, 0];
  points.forEach((to, i) => {
    if (i < 2) codes.push(i ? (points.length - 1) * 8 + 2 : 9);
    codes.push(zigzag(to[0] - from[0]), zigzag(to[1] - from[1]));
    from = to;
  });
  return [...codes, ...(kind === 3 ? [15] : [])].flatMap(varint);
}

/** `things`: [{kind, points: [[x, y], …], properties}] in the tile's own units, 4096 to a side. */
export function encode(name, things) {
  const [keys, values] = [[], []];
  const place = (list, it) => { if (!list.includes(it)) list.push(it); return list.indexOf(it); };
  const features = things.flatMap(({ kind, points, properties }) => {
    const tags = Object.entries(properties).flatMap(([key, value]) => [place(keys, key), place(values, value)]).flatMap(varint);
    return field(2, [...field(2, tags), 24, kind, ...field(4, geometry(points, kind))]);
  });
  const held = values.flatMap((it) => field(4, typeof it === "string" ? text(1, it) : [40, ...varint(it)]));
  return Uint8Array.from(field(3, [120, 2, ...text(1, name), ...features, ...keys.flatMap((it) => text(3, it)), ...held, 40, ...varint(4096)]));
}

/** Numbers from 0 to 1 that are the same in every run. */
export function numbers(seed) {
  let held = seed;
  return () => { held = (held * 1103515245 + 12345) % 2147483648; return held / 2147483648; };
}
