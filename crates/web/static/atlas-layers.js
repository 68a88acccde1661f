// The tree of layers: by groups, searched, ticked, remembered.

import { drawMark } from "./atlas-draw.js";
import { byMark, make, memory, moment, say } from "./atlas-page.js";

const AT_FIRST = 4;

export class Layers {
  constructor(groups, palette, changed) {
    Object.assign(this, { changed, all: new Map(), boxes: new Map(), marks: new Map(), refused: new Set() });
    for (const group of groups) for (const it of group.layers) this.all.set(it.id, { ...it, sign: [...it.title][0].toUpperCase() });
    byMark("tree").replaceChildren(...groups.map((it) => this.group(it)));
    this.paint(palette);
    byMark("search").addEventListener("input", (event) => this.search(event.target.value));
    for (const select of document.querySelectorAll("[data-atlas-layers]")) this.fill(select);
  }

  group({ title, layers }) {
    const folded = memory.read().folded ?? [];
    const box = make("details", { open: !folded.includes(title), toggle: () => this.remember() }, make("summary", {}, title, " ", make("span", { class: "soft small num" }, `${layers.length}`)));
    box.dataset.title = title;
    box.append(make("ul", {}, ...layers.map((it) => this.row(this.all.get(it.id)))));
    return box;
  }

  row(layer) {
    const mark = make("canvas", { "aria-hidden": "true" });
    this.marks.set(layer, mark);
    const box = make("input", { type: "checkbox", value: layer.id, change: () => this.remember(true) });
    this.boxes.set(layer.id, box);
    const count = make("span", { class: "num soft" }, `${layer.count.toLocaleString()}`);
    const row = make("li", {}, make("label", { class: "check" }, box, mark, make("span", { class: "name" }, layer.title), make("span", { class: "tag", hidden: true }, say("no_past")), count));
    row.dataset.layer = layer.id;
    return row;
  }

  /** Draws the marks of the tree in these colours, as the map does. */
  paint(palette) {
    for (const [layer, mark] of this.marks) {
      mark.width = mark.height = 44;
      const at = mark.getContext("2d");
      at.setTransform(2, 0, 0, 2, 22, 22);
      drawMark(at, palette, layer, null, 8);
    }
  }

  fill(select) {
    const points = [...this.all.values()].filter((it) => it.place !== "line" && it.place !== "polygon");
    select.append(...points.map((it) => make("option", { value: it.id }, it.title)));
  }

  search(text) {
    const wanted = text.trim().toLowerCase();
    for (const group of byMark("tree").children) {
      const rows = [...group.querySelectorAll("li")];
      const inTitle = group.dataset.title.toLowerCase().includes(wanted);
      for (const row of rows) row.hidden = !inTitle && !row.textContent.toLowerCase().includes(wanted);
      group.hidden = rows.every((it) => it.hidden);
      if (wanted && !group.hidden) group.open = true;
    }
  }

  /** Ticks these; without a choice those with grades, or the first. */
  choose(ids) {
    const graded = [...this.all.values()].filter((it) => it.grade && it.count);
    const first = (graded.length ? graded : [...this.all.values()]).slice(0, AT_FIRST).map((it) => it.id);
    const wanted = new Set(ids ?? memory.read().layers ?? first);
    for (const [id, box] of this.boxes) box.checked = wanted.has(id);
    this.changed();
  }

  remember(chosen = false) {
    const folded = [...byMark("tree").children].filter((it) => !it.open).map((it) => it.dataset.title);
    if (byMark("search").value.trim() === "") memory.write({ folded });
    if (!chosen) return;
    memory.write({ layers: this.chosen() });
    this.changed();
  }

  chosen() {
    return [...this.boxes].filter(([, box]) => box.checked).map(([id]) => id);
  }

  /** Those to be drawn. */
  shown() {
    return this.chosen().filter((id) => !this.pastless(id)).map((id) => this.all.get(id));
  }

  /** Whether a past is looked at that the layer does not have. */
  pastless(id) {
    return moment.at !== null && (this.refused.has(id) || this.all.get(id).past === false);
  }

  /** Says that a layer keeps no past, or (without a name) that all are shown again. */
  refuse(id) {
    if (id) this.refused.add(id);
    else this.refused.clear();
    for (const row of byMark("tree").querySelectorAll("li")) row.querySelector(".tag").hidden = !this.pastless(row.dataset.layer);
  }
}
