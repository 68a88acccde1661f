// The tools: each collects places on the map, by pointer or by the cross and Enter, and asks its question when it has enough.

import { areaOf, lengthOf, metres } from "./atlas-ground.js";
import { byMark, allMarked, distance, main, make, say, surface } from "./atlas-page.js";
import { announce, showAnswer } from "./atlas-panel.js";
import { forget, inArea, nearest, reach } from "./atlas-answers.js";

/** What a tool draws, and how many places it needs. */
const TOOLS = {
  length: { draws: "line", least: 2 },
  area: { draws: "area", least: 3 },
  circle: { draws: "circle", least: 1 },
  polygon: { draws: "polygon", least: 3 },
  corridor: { draws: "corridor", least: 2 },
  call: { draws: "polygon", least: 3 },
  nearest: { draws: "point", least: 1 },
  reach: { draws: "point", least: 1 },
};
const ENOUGH = 200;

const field = (name) => main.querySelector(`[data-option="${name}"]`);
const amount = (name) => { const it = field(name); return Math.max(Number(it.min), Math.min(Number(it.max), Number(it.value) || Number(it.min))); };

export class Tools {
  /** `map` is {go, fit, layers: () => ids, set: ({shape, lines, areas})}. */
  constructor(map) {
    Object.assign(this, { map, kind: null, places: [], pointer: null, done: false, byKey: false });
    for (const button of allMarked("tool")) button.addEventListener("click", () => this.choose(this.kind === button.value ? null : button.value));
    byMark("finish").addEventListener("click", () => this.finish());
    byMark("undo").addEventListener("click", () => this.undo());
    byMark("clear").addEventListener("click", () => this.clear());
    byMark("options").addEventListener("input", () => this.show());
    byMark("options").addEventListener("submit", (event) => { event.preventDefault(); this.finish(); });
    field("origin").addEventListener("change", () => this.clear());
  }

  get tool() { return TOOLS[this.kind]; }

  choose(kind) {
    this.kind = kind;
    for (const button of allMarked("tool")) button.setAttribute("aria-pressed", `${button.value === kind}`);
    byMark("options").hidden = !kind;
    for (const it of byMark("options").querySelectorAll("[data-for]")) it.hidden = !it.dataset.for.split(" ").includes(kind);
    byMark("hint").textContent = kind ? say(`hint_${kind}`) : "";
    if (main.dataset.sheet === "tools" && kind) main.dataset.sheet = "";
    this.clear();
  }

  clear() {
    Object.assign(this, { places: [], pointer: null, done: false });
    forget();
    announce("");
    this.map.set({ shape: null, lines: [], areas: [] });
    this.buttons();
  }

  undo() {
    if (this.done) this.done = false;
    else this.places.pop();
    this.show();
  }

  buttons() {
    const without = this.kind === "reach" && field("origin").value !== "";
    byMark("finish").disabled = !this.kind || (!without && this.places.length < this.tool.least);
    byMark("undo").disabled = byMark("clear").disabled = !this.places.length;
  }

  get radius() {
    const drawn = this.places.length === 1 && this.pointer && !this.done ? metres(this.places[0], this.pointer) : 0;
    return drawn > 1 ? drawn : amount("radius");
  }

  /** What is measured of the shape as it stands. */
  measure(places) {
    if (this.kind === "area" && places.length > 2) return surface(areaOf(places));
    if (["length", "corridor", "area"].includes(this.kind) && places.length > 1) return distance(lengthOf(places));
    return this.kind === "circle" && places.length ? distance(this.radius) : "";
  }

  show() {
    const places = this.pointer && !this.done && this.tool?.draws !== "point" ? [...this.places, this.pointer] : this.places;
    const shape = this.places.length ? { kind: this.tool.draws, places: this.places, pointer: this.pointer, radius: this.radius, width: amount("width"), done: this.done, text: this.measure(places) } : null;
    this.map.set({ shape });
    this.buttons();
  }

  /** A place was pointed at; whether a tool took it. */
  point(place, byKey = false) {
    if (!this.kind) return false;
    this.byKey = byKey;
    if (this.done) this.clear();
    if (this.kind === "reach") field("origin").value = "";
    if (this.kind === "circle" && this.places.length) {
      field("radius").value = Math.max(1, Math.round(metres(this.places[0], place)));
      this.pointer = null;
      this.finish();
      return true;
    }
    if (this.places.length < ENOUGH) this.places.push(place);
    if (this.tool.draws === "point") this.finish();
    else this.show();
    return true;
  }

  hover(place) {
    if (!this.kind || this.done || !this.places.length) return;
    this.pointer = place;
    this.show();
  }

  /** Keys on the map; whether one was the tool's. */
  key(key) {
    if (!this.kind) return false;
    if (key === "Backspace" || key === "Delete") this.undo();
    else if (key === "Escape" && this.places.length) this.clear();
    else if (key === "Escape") this.choose(null);
    else if (key === "f" || key === "F") { this.byKey = true; this.finish(); }
    else return false;
    return true;
  }

  finish() {
    if (!this.kind || byMark("finish").disabled && this.places.length < this.tool.least) return;
    this.pointer = null;
    this.done = this.places.length > 0;
    this.show();
    this.ask();
  }

  get shape() {
    const { places } = this;
    if (this.kind === "circle") return { circle: { centre: places[0], radius_m: amount("radius") } };
    if (this.kind === "corridor") return { corridor: { line: places, width_m: amount("width") } };
    return { polygon: [...places, places[0]] };
  }

  ask() {
    const [{ map, places, kind }, focus] = [this, this.byKey];
    const { go } = map;
    if (kind === "length" || kind === "area") this.measured(focus);
    else if (kind === "nearest") {
      const lines = (all) => { map.set({ lines: all }); map.fit([places[0], ...all.map((it) => it.to)]); };
      nearest(places[0], field("layer").value, amount("most"), { go, focus, lines });
    } else if (kind === "reach") this.reaches(focus);
    else inArea(this.shape, map.layers(), { go, focus, callFirst: kind === "call" });
  }

  reaches(focus) {
    const origin = field("origin").value;
    const minutes = [...new Set(field("minutes").value.split(/[^\d.]+/).map(Number).filter((it) => it > 0 && it <= 120))].sort((a, b) => a - b).slice(0, 4);
    const from = this.places.length ? { at: this.places[0] } : { layer: origin };
    const cover = field("cover").value;
    if (!minutes.length || (!origin && !this.places.length)) return;
    reach({ ...from, minutes, ...(cover ? { cover } : {}) }, { focus, areas: (areas) => this.map.set({ areas }) });
  }

  measured(focus) {
    const { places, kind } = this;
    const rows = kind === "area" ? [[say("surface"), surface(areaOf(places))], [say("around"), distance(lengthOf([...places, places[0]]))]] : [[say("length"), distance(lengthOf(places))]];
    const legs = kind === "length" && places.length > 2 ? places.slice(1).map((to, i) => make("li", {}, distance(metres(places[i], to)))) : [];
    announce(rows.map((it) => it.join(" ")).join(" · "));
    const list = make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", { class: "num" }, value)]));
    showAnswer(say("measured"), [list, ...(legs.length ? [make("h3", {}, say("legs")), make("ol", { class: "items" }, ...legs)] : [])], focus);
  }
}
