// A sheet of A3: the view drawn anew, three dots for each pixel of the page, with title, legend, scale and as of when.

import { worldNow } from "./clock.js";
import { WALL, byMark, make, moment, say } from "./atlas-page.js";
import { boundsOf, fitted, tilesOf } from "./atlas-ground.js";
import { Sprites, drawMark, paint, paletteOf } from "./atlas-draw.js";
import { paintOver } from "./atlas-over.js";

/** The map on the sheet, in pixels of the page (96 to the inch): 396 mm by 236 mm. */
const SHEET = { width: 1496, height: 892 };
const DOTS = 3;

function legend(layers, palette) {
  return layers.map((layer) => {
    const mark = make("canvas", { width: 66, height: 66, "aria-hidden": "true" });
    const at = mark.getContext("2d");
    at.setTransform(3, 0, 0, 3, 33, 33);
    drawMark(at, palette, layer, null, 8);
    return make("li", {}, mark, layer.title);
  });
}

/** Prints what `scene()` shows under a title; pictures of the base map are waited for with the tiles. */
export function startPrint(scene, done) {
  const [dialog, sheet, canvas] = ["print", "sheet", "sheet-map"].map(byMark);
  const button = byMark("print-go");
  // While a sheet is drawn the screen asks for no tiles, or it would call the sheet's back.
  const state = { on: false };

  async function draw() {
    const now = scene();
    const view = fitted({ ...now.view, ...SHEET }, boundsOf(now.view), 1);
    // The view keeps its zoom where the sheet has room for more around it.
    view.zoom = Math.max(view.zoom, now.view.zoom);
    now.tiles.want(now.layers.map((it) => it.id), tilesOf(view));
    now.base?.want(view);
    await Promise.all([now.tiles.settled(), now.base?.settled()]);
    const palette = paletteOf(sheet);
    const printed = { ...now, view, ratio: DOTS, palette, sprites: new Sprites(palette, DOTS), hover: null, chosen: null, cross: false };
    [canvas.width, canvas.height] = [SHEET.width * DOTS, SHEET.height * DOTS];
    paint(canvas.getContext("2d"), printed);
    const over = make("canvas", { width: canvas.width, height: canvas.height });
    paintOver(over.getContext("2d"), printed);
    canvas.getContext("2d").setTransform(1, 0, 0, 1, 0, 0);
    canvas.getContext("2d").drawImage(over, 0, 0);
    byMark("sheet-legend").replaceChildren(...legend(now.layers, palette));
    byMark("sheet-as-of").textContent = say("as_of", { at: WALL.format(new Date(moment.at ?? worldNow())) });
  }

  byMark("print-open").addEventListener("click", () => dialog.showModal());
  button.closest("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = state.on = true;
    byMark("sheet-title").textContent = byMark("print-title").value;
    await draw();
    button.disabled = state.on = false;
    dialog.close();
    done();
    window.print();
  });
  // A sheet is large: it goes when it is printed.
  addEventListener("afterprint", () => { canvas.width = canvas.height = 1; });
  return state;
}
