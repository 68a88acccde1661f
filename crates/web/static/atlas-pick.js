// What lies under a spot of the screen.

import { eachPoint, eachShape, reachOf } from "./atlas-draw.js";
import { awayFrom, scaleOf, toWorld, within } from "./atlas-ground.js";
import { POLYGON } from "./atlas-tile.js";

const FINGER = 10;
const LINE = 7;

/** The things under a spot, the nearest first: points, else lines, else areas, the smallest first. */
export function pick(scene, spot, touch = false) {
  const points = [];
  eachPoint(scene, (layer, it, x, y) => {
    const away = Math.hypot(x - spot.x, y - spot.y);
    if (away <= reachOf(it) + (touch ? FINGER : 0)) points.push({ layer, it, away });
  });
  if (points.length) return points.sort((a, b) => a.away - b.away);
  const at = toWorld(scene.view, spot);
  const near = (LINE + (touch ? FINGER : 0)) / scaleOf(scene.view);
  const [lines, areas] = [[], []];
  const seen = new Set();
  eachShape(scene, (layer, it) => {
    const key = `${layer.id} ${it.id}`;
    if (seen.has(key)) return;
    const [list, away] = it.kind === POLYGON ? [areas, within(it.parts, [at.x, at.y]) ? it.size : Infinity] : [lines, Math.min(...it.parts.map((part) => awayFrom(part, [at.x, at.y])))];
    if (it.kind === POLYGON ? away === Infinity : away > near) return;
    seen.add(key);
    list.push({ layer, it, away });
  });
  return (lines.length ? lines : areas).sort((a, b) => a.away - b.away);
}
