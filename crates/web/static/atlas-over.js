// What lies above the map while somebody works on it: the shape being drawn, lines to what was found, areas within reach, the
// name under the pointer, the cross of the keyboard.

import { circleOf, metresPerPixel, project, scaleBar, toScreen } from "./atlas-ground.js";

function path(at, view, places, closed) {
  at.beginPath();
  places.forEach((place, i) => {
    const { x, y } = toScreen(view, project(place));
    if (i) at.lineTo(x, y);
    else at.moveTo(x, y);
  });
  if (closed) at.closePath();
}

function label(at, palette, text, x, y) {
  at.font = `600 12px ${palette.font}`;
  at.textAlign = "center";
  at.textBaseline = "middle";
  at.lineJoin = "round";
  at.lineWidth = 4;
  at.strokeStyle = palette.card;
  at.strokeText(text, x, y);
  at.fillStyle = palette.ink;
  at.fillText(text, x, y);
}

const DASHES = [[], [8, 4], [3, 3], [10, 3, 2, 3]];

/** Areas within reach: the largest below, each with its own line and its minutes at its northern end. */
function areas(at, { view, palette, areas: all }) {
  const sorted = [...all].sort((a, b) => b.minutes - a.minutes);
  sorted.forEach(({ geometry, text }, i) => {
    const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
    at.beginPath();
    let highest = null;
    for (const ring of polygons.flat()) {
      ring.forEach((place, n) => {
        const point = toScreen(view, project(place));
        if (n) at.lineTo(point.x, point.y);
        else at.moveTo(point.x, point.y);
        if (!highest || point.y < highest.y) highest = point;
      });
      at.closePath();
    }
    at.globalAlpha = 0.12;
    at.fillStyle = palette.brand;
    at.fill("evenodd");
    at.globalAlpha = 1;
    at.lineWidth = 1.8;
    at.setLineDash(DASHES[(sorted.length - 1 - i) % DASHES.length]);
    at.strokeStyle = palette.brand;
    at.stroke();
    at.setLineDash([]);
    if (highest) label(at, palette, text, highest.x, highest.y - 8);
  });
}

function lines(at, { view, palette, lines: all }) {
  for (const { from, to, text } of all) {
    path(at, view, [from, to], false);
    at.lineWidth = 2;
    at.setLineDash([6, 4]);
    at.strokeStyle = palette.focus;
    at.stroke();
    at.setLineDash([]);
    const [a, b] = [toScreen(view, project(from)), toScreen(view, project(to))];
    label(at, palette, text, (a.x + b.x) / 2, (a.y + b.y) / 2);
  }
}

/** The places of a shape with the one the pointer would add. */
const reached = ({ places, done, pointer }) => (pointer && !done ? [...places, pointer] : places);

function shape(at, { view, palette, shape: drawn }) {
  if (!drawn) return;
  const { kind, places, radius, width, done } = drawn;
  const all = kind === "circle" || kind === "point" ? places : reached(drawn);
  at.lineJoin = at.lineCap = "round";
  if (kind === "corridor" && all.length) {
    path(at, view, all, false);
    at.globalAlpha = 0.18;
    at.lineWidth = Math.max(2, width / metresPerPixel(view));
    at.strokeStyle = palette.focus;
    at.stroke();
    at.globalAlpha = 1;
  }
  const closed = kind === "circle" || kind === "polygon" || kind === "area";
  if (kind === "circle" && places.length && radius > 0) path(at, view, circleOf(places[0], radius), true);
  else path(at, view, all, closed && all.length > 2);
  if (closed && (kind === "circle" || all.length > 2)) {
    at.globalAlpha = 0.12;
    at.fillStyle = palette.focus;
    at.fill();
    at.globalAlpha = 1;
  }
  at.lineWidth = 2;
  at.setLineDash(done ? [] : [6, 4]);
  at.strokeStyle = palette.focus;
  at.stroke();
  at.setLineDash([]);
  at.lineCap = "butt";
  for (const place of places) {
    const { x, y } = toScreen(view, project(place));
    at.beginPath();
    at.arc(x, y, 4, 0, 2 * Math.PI);
    at.fillStyle = palette.card;
    at.fill();
    at.stroke();
  }
  if (drawn.text && all.length) {
    const last = toScreen(view, project(all[all.length - 1]));
    label(at, palette, drawn.text, last.x, last.y - 16);
  }
}

/** A round distance as long as it is on the ground in the middle of the view. */
export function furniture(at, { view, palette, distance, north, foot }) {
  const { metres, pixels } = scaleBar(view);
  const [left, bottom] = [14, view.height - 14];
  at.lineWidth = 4;
  for (const colour of [palette.card, palette.ink]) {
    at.beginPath();
    at.moveTo(left, bottom - 6);
    at.lineTo(left, bottom);
    at.lineTo(left + pixels, bottom);
    at.lineTo(left + pixels, bottom - 6);
    at.strokeStyle = colour;
    at.stroke();
    at.lineWidth = 1.6;
  }
  label(at, palette, distance(metres), left + pixels / 2, bottom - 11);
  const [x, y] = [26, 38];
  at.beginPath();
  at.moveTo(x, y - 14);
  at.lineTo(x + 7, y + 8);
  at.lineTo(x, y + 3);
  at.lineTo(x - 7, y + 8);
  at.closePath();
  at.lineWidth = 3;
  at.strokeStyle = palette.card;
  at.stroke();
  at.fillStyle = palette.ink;
  at.fill();
  label(at, palette, north, x, y - 23);
  at.font = `12px ${palette.font}`;
  at.textAlign = "right";
  at.lineWidth = 4;
  at.strokeStyle = palette.card;
  at.strokeText(foot, view.width - 10, bottom - 2);
  at.fillStyle = palette.soft;
  at.fillText(foot, view.width - 10, bottom - 2);
}

/** Draws it: {view, ratio, palette, shape, lines, areas, hover, chosen, cross} and what the furniture needs. */
export function paintOver(at, scene) {
  const { view, ratio, palette, hover, chosen, cross } = scene;
  at.setTransform(ratio, 0, 0, ratio, 0, 0);
  at.clearRect(0, 0, view.width, view.height);
  areas(at, scene);
  lines(at, scene);
  shape(at, scene);
  if (chosen) {
    const { x, y } = toScreen(view, chosen);
    at.beginPath();
    at.arc(x, y, 15, 0, 2 * Math.PI);
    at.lineWidth = 3;
    at.strokeStyle = palette.focus;
    at.stroke();
  }
  if (cross) {
    const [x, y] = [view.width / 2, view.height / 2];
    at.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { at.moveTo(x + dx * 4, y + dy * 4); at.lineTo(x + dx * 14, y + dy * 14); }
    at.lineWidth = 2;
    at.strokeStyle = palette.focus;
    at.stroke();
  }
  if (hover) label(at, palette, hover.text, hover.x, hover.y - 20);
  furniture(at, scene);
}
