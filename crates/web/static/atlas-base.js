// The pictures of the base map below everything, where the bureau has set one.

import { RASTER } from "./atlas-draw.js";
import { tilesOf } from "./atlas-ground.js";

const MOST = 300;

export class Base {
  constructor(template, changed) {
    Object.assign(this, { template, changed, held: new Map(), idle: [] });
  }

  /** The picture of a tile once it is here. */
  picture({ z, x, y }) {
    const key = `${z}/${x}/${y}`;
    const has = this.held.get(key);
    if (has) {
      this.held.delete(key);
      this.held.set(key, has);
      return has.complete && has.naturalWidth ? has : null;
    }
    const image = new Image();
    image.onload = image.onerror = () => { this.changed(); this.rest(); };
    image.src = this.template.replace("{z}", z).replace("{x}", x).replace("{y}", y);
    this.held.set(key, image);
    for (const old of this.held.keys()) { if (this.held.size <= MOST) break; this.held.delete(old); }
    return null;
  }

  want(view) {
    for (const it of tilesOf(view, RASTER, 18)) this.picture(it);
  }

  settled() {
    return [...this.held.values()].every((it) => it.complete) ? Promise.resolve() : new Promise((done) => this.idle.push(done));
  }

  rest() {
    if ([...this.held.values()].every((it) => it.complete)) for (const done of this.idle.splice(0)) done();
  }
}
