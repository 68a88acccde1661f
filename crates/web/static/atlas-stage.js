// The canvas and the hands on it: mouse, wheel, fingers, keys. Redraws only when something changed, once per frame.

import { boundsOf, kept, moved, placeAt, toWorld, zoomed } from "./atlas-ground.js";

const STILL = 5;
const TWICE = 350;
const STEP = 90;
const REST = 200;
const KEYS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const ZOOMS = { "+": 0.5, "=": 0.5, "-": -0.5, _: -0.5 };

export class Stage {
  /** `draw(what)` draws anew ("all" or only "over"); `hands` hears {point, double, hover, key, rest, resized}. */
  constructor(canvas, over, draw, hands) {
    Object.assign(this, { canvas, over, draw, hands, view: { x: 0.5, y: 0.5, zoom: 3, width: 1, height: 1 }, ratio: 1, due: null, moving: false, fingers: new Map(), cross: false, last: null });
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
    this.resize();
    this.listen();
  }

  resize() {
    const box = this.canvas.parentElement.getBoundingClientRect();
    this.ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    this.view = { ...this.view, width: Math.max(1, box.width), height: Math.max(1, box.height) };
    for (const it of [this.canvas, this.over]) {
      it.width = Math.round(this.view.width * this.ratio);
      it.height = Math.round(this.view.height * this.ratio);
    }
    // A canvas that changes its size is empty until it is drawn again: in the same frame, or it blinks.
    this.draw("all");
    this.hands.resized?.();
  }

  redraw(what = "all") {
    if (!this.due) requestAnimationFrame(() => { const it = this.due; this.due = null; this.draw(it); });
    this.due = this.due === "all" ? "all" : what;
  }

  show(view) {
    this.view = kept({ ...view, width: this.view.width, height: this.view.height });
    this.moving = true;
    this.redraw();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => { this.moving = false; this.redraw(); this.hands.rest(); }, REST);
  }

  zoom(steps, at) {
    this.show(zoomed(this.view, steps, at));
  }

  spot(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => this.hands.hover(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.cross = false; this.redraw("over"); });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? event.deltaY * 33 : event.deltaY;
      this.zoom(Math.max(-1, Math.min(1, -lines / 300)), this.spot(event));
    }, { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  down(event) {
    if (event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, { ...this.spot(event), from: this.spot(event), far: this.fingers.size > 0 });
    this.cross = false;
    if (this.fingers.size > 1) for (const it of this.fingers.values()) it.far = true;
  }

  move(event) {
    const finger = this.fingers.get(event.pointerId);
    const now = this.spot(event);
    if (!finger) return this.hands.hover(now);
    if (!finger.far && Math.hypot(now.x - finger.from.x, now.y - finger.from.y) < STILL) return undefined;
    finger.far = true;
    const others = [...this.fingers.values()].filter((it) => it !== finger);
    if (others.length) this.pinch(finger, now, others[0]);
    else this.show(moved(this.view, finger.x - now.x, finger.y - now.y));
    Object.assign(finger, now);
    return undefined;
  }

  /** Two fingers: what lay under both still does. */
  pinch(finger, now, other) {
    const apart = (a) => Math.max(10, Math.hypot(a.x - other.x, a.y - other.y));
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    const view = moved(this.view, (finger.x - now.x) / 2, (finger.y - now.y) / 2);
    this.show(zoomed(view, Math.log2(apart(now) / apart(finger)), middle));
  }

  up(event) {
    const finger = this.fingers.get(event.pointerId);
    this.fingers.delete(event.pointerId);
    if (!finger || finger.far || event.type === "pointercancel") return;
    const now = { at: event.timeStamp, ...this.spot(event) };
    const again = this.last && now.at - this.last.at < TWICE && Math.hypot(now.x - this.last.x, now.y - this.last.y) < 12;
    this.last = again ? null : now;
    if (again) this.hands.double(now);
    else this.hands.point(now, event.pointerType === "touch");
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const middle = { x: this.view.width / 2, y: this.view.height / 2 };
    if (KEYS[event.key]) this.show(moved(this.view, ...KEYS[event.key]));
    else if (ZOOMS[event.key]) this.zoom(ZOOMS[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.hands.point(middle, false);
    else if (!this.hands.key(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    this.cross = true;
    if (KEYS[event.key] || ZOOMS[event.key]) this.hands.hover(middle);
    this.redraw("over");
  }

  place(spot) { return placeAt(this.view, spot); }
  world(spot) { return toWorld(this.view, spot); }
  bounds() { return boundsOf(this.view); }
}
