// Where things lie: web mercator, distances on the sphere, what a point hits. Pure; positions are [longitude, latitude] in
// degrees WGS 84, world coordinates run from 0 to 1, screen coordinates are CSS pixels.

/** CSS pixels of one tile at its own zoom. */
export const TILE = 512;
/** The deepest tiles asked for; beyond they are drawn larger. */
export const DEEPEST = 16;
export const NEAREST = 20;
/** Mean radius in metres. Distances are within 0.6 %, areas within 0.7 % of the ellipsoid. */
const RADIUS = 6_371_008.8;
const EDGE = 85.051129;
const RAD = Math.PI / 180;

const clamp = (value, least, most) => Math.max(least, Math.min(most, value));

export function project([longitude, latitude]) {
  const sine = Math.sin(clamp(latitude, -EDGE, EDGE) * RAD);
  return { x: (longitude + 180) / 360, y: 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI) };
}

export function unproject({ x, y }) {
  return [x * 360 - 180, Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) / RAD];
}

/** A view is {x, y, zoom, width, height}: its middle in world coordinates, its size in CSS pixels. */
export const scaleOf = (view) => TILE * 2 ** view.zoom;

export function toScreen(view, { x, y }) {
  const scale = scaleOf(view);
  return { x: view.width / 2 + (x - view.x) * scale, y: view.height / 2 + (y - view.y) * scale };
}

export function toWorld(view, { x, y }) {
  const scale = scaleOf(view);
  return { x: view.x + (x - view.width / 2) / scale, y: view.y + (y - view.height / 2) / scale };
}

export const placeAt = (view, at) => unproject(toWorld(view, at));

/** The view within the world and the zooms that there are. */
export function kept(view) {
  const zoom = clamp(view.zoom, 1, NEAREST);
  return { ...view, zoom, x: clamp(view.x, 0, 1), y: clamp(view.y, 0, 1) };
}

/** Zooms by `steps` so that what lies under `at` stays there. */
export function zoomed(view, steps, at = { x: view.width / 2, y: view.height / 2 }) {
  const held = toWorld(view, at);
  const next = kept({ ...view, zoom: view.zoom + steps });
  const scale = scaleOf(next);
  return kept({ ...next, x: held.x - (at.x - view.width / 2) / scale, y: held.y - (at.y - view.height / 2) / scale });
}

export const moved = (view, x, y) => kept({ ...view, x: view.x + x / scaleOf(view), y: view.y + y / scaleOf(view) });

/** The view of the same size that shows [west, south, east, north]. */
export function fitted(view, [west, south, east, north], share = 0.9) {
  const [from, until] = [project([west, north]), project([east, south])];
  const across = Math.log2((view.width * share) / TILE / Math.max(until.x - from.x, 1e-9));
  const down = Math.log2((view.height * share) / TILE / Math.max(until.y - from.y, 1e-9));
  return kept({ ...view, x: (from.x + until.x) / 2, y: (from.y + until.y) / 2, zoom: Math.min(across, down, 17) });
}

export function boundsOf(view) {
  const [west, north] = placeAt(view, { x: 0, y: 0 });
  const [east, south] = placeAt(view, { x: view.width, y: view.height });
  return [west, south, east, north];
}

/** The tiles of `size` pixels that cover the view, the middle ones first. */
export function tilesOf(view, size = TILE, deepest = DEEPEST) {
  const z = clamp(Math.round(view.zoom + Math.log2(TILE / size)), 0, deepest);
  const count = 2 ** z;
  const [from, until] = [toWorld(view, { x: 0, y: 0 }), toWorld(view, { x: view.width, y: view.height })];
  const range = (a, b) => [Math.max(0, Math.floor(a * count)), Math.min(count - 1, Math.floor(b * count))];
  const [[west, east], [north, south]] = [range(from.x, until.x), range(from.y, until.y)];
  const found = [];
  for (let x = west; x <= east; x += 1) for (let y = north; y <= south; y += 1) found.push({ z, x, y });
  const far = (it) => Math.hypot((it.x + 0.5) / count - view.x, (it.y + 0.5) / count - view.y);
  return found.sort((a, b) => far(a) - far(b));
}

/** Great-circle distance in metres. */
export function metres([fromX, fromY], [toX, toY]) {
  const half = Math.sin(((toY - fromY) * RAD) / 2) ** 2 + Math.cos(fromY * RAD) * Math.cos(toY * RAD) * Math.sin(((toX - fromX) * RAD) / 2) ** 2;
  return 2 * RADIUS * Math.asin(Math.min(1, Math.sqrt(half)));
}

export const lengthOf = (line) => line.slice(1).reduce((sum, to, i) => sum + metres(line[i], to), 0);

/** Area of a ring on the sphere in square metres; the ring need not be closed. */
export function areaOf(ring) {
  let sum = 0;
  for (let i = 0; i < ring.length; i += 1) {
    const [[fromX, fromY], [toX, toY]] = [ring[i], ring[(i + 1) % ring.length]];
    sum += (toX - fromX) * RAD * (2 + Math.sin(fromY * RAD) + Math.sin(toY * RAD));
  }
  return Math.abs((sum * RADIUS * RADIUS) / 2);
}

/** The ring of all places `radius` metres away. */
export function circleOf([longitude, latitude], radius, corners = 72) {
  const [reach, phi] = [radius / RADIUS, latitude * RAD];
  return Array.from({ length: corners }, (_, i) => {
    const bearing = (i / corners) * 2 * Math.PI;
    const to = Math.asin(Math.sin(phi) * Math.cos(reach) + Math.cos(phi) * Math.sin(reach) * Math.cos(bearing));
    const turn = Math.atan2(Math.sin(bearing) * Math.sin(reach) * Math.cos(phi), Math.cos(reach) - Math.sin(phi) * Math.sin(to));
    return [longitude + turn / RAD, to / RAD];
  });
}

/** Metres that one pixel covers in the middle of the view. */
export const metresPerPixel = (view) => (2 * Math.PI * RADIUS * Math.cos(unproject(view)[1] * RAD)) / scaleOf(view);

/** The longest round distance (1, 2 or 5 times a power of ten) that is no longer than `most` pixels. */
export function scaleBar(view, most = 120) {
  const room = metresPerPixel(view) * most;
  const power = 10 ** Math.floor(Math.log10(room));
  const distance = [5, 2, 1].map((it) => it * power).find((it) => it <= room) ?? power;
  return { metres: distance, pixels: distance / metresPerPixel(view) };
}

/** Whether a point lies in rings by the even-odd rule; points and rings are [[x, y], …] of any one plane. */
export function within(rings, [x, y]) {
  let inside = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
      const [[ax, ay], [bx, by]] = [ring[i], ring[j]];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
    }
  }
  return inside;
}

/** Distance from a point to a line of points in one plane. */
export function awayFrom(line, [x, y]) {
  let least = Infinity;
  for (let i = 0; i + 1 < line.length; i += 1) {
    const [[ax, ay], [bx, by]] = [line[i], line[i + 1]];
    const [dx, dy] = [bx - ax, by - ay];
    const share = clamp(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1), 0, 1);
    least = Math.min(least, Math.hypot(x - ax - share * dx, y - ay - share * dy));
  }
  return least;
}

/** `#zoom/latitude/longitude&layers=a,b&at=…` */
export function writeHash({ zoom, longitude, latitude, layers, at }) {
  const names = layers.length ? `&layers=${layers.map(encodeURIComponent).join(",")}` : "&layers=";
  return `#${zoom.toFixed(2)}/${latitude.toFixed(5)}/${longitude.toFixed(5)}${names}${at ? `&at=${encodeURIComponent(at)}` : ""}`;
}

/** What an address names; null where it names no place on the map. */
export function readHash(hash) {
  const [place, ...rest] = hash.replace(/^#/, "").split("&");
  const [zoom, latitude, longitude] = place.split("/").map((it) => (it === "" ? NaN : Number(it)));
  if (![zoom, latitude, longitude].every(Number.isFinite) || Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return null;
  const plain = (text) => { try { return decodeURIComponent(text); } catch { return ""; } };
  const named = Object.fromEntries(rest.map((it) => it.split("=")));
  const layers = named.layers === undefined ? null : named.layers.split(",").map(plain).filter(Boolean);
  return { zoom, latitude, longitude, layers, at: named.at ? plain(named.at) : null };
}
