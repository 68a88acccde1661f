// The time bar: the map as it stood at a moment. Wall times are those of Shanghai, which keeps no summer time.

import { worldNow } from "./clock.js";
import { WALL, byMark, main, moment, say } from "./atlas-page.js";

const MINUTE = 60_000;
const REST = 400;

export function startTime(changed) {
  const [bar, slider, typed, words, stands] = ["time", "time-slider", "time-typed", "time-words", "stands"].map(byMark);
  let waiting = null;
  const now = () => Math.floor(worldNow() / MINUTE);
  const until = () => { slider.max = now(); slider.min = now() - 30 * 24 * 60; typed.max = WALL.format(new Date(worldNow())).replace(" ", "T"); };

  function sayWhere() {
    const wall = moment.at && WALL.format(new Date(moment.at));
    words.textContent = moment.at ? wall : say("now");
    stands.hidden = !moment.at;
    stands.textContent = moment.at ? say("as_known", { at: wall }) : "";
    typed.value = WALL.format(new Date(moment.at ?? worldNow())).replace(" ", "T");
    slider.value = moment.at ? Date.parse(moment.at) / MINUTE : now();
    slider.setAttribute("aria-valuetext", words.textContent);
  }

  /** Goes to a moment in minutes since the epoch; null, or what is not past, is now. */
  function go(minutes, tell = true) {
    const past = minutes !== null && Number.isFinite(minutes) && minutes < now();
    moment.at = past ? new Date(minutes * MINUTE).toISOString().replace(".000", "") : null;
    until();
    sayWhere();
    clearTimeout(waiting);
    if (tell) waiting = setTimeout(changed, REST);
  }

  const standsAt = () => (moment.at ? Date.parse(moment.at) / MINUTE : now());
  slider.addEventListener("input", () => go(Number(slider.value)));
  typed.addEventListener("change", () => typed.value && go(Date.parse(`${typed.value}:00+08:00`) / MINUTE));
  byMark("time-now").addEventListener("click", () => go(null));
  for (const button of main.querySelectorAll("[data-step]")) button.addEventListener("click", () => go(standsAt() + Number(button.dataset.step)));
  byMark("time-open").addEventListener("click", () => {
    bar.hidden = !bar.hidden;
    byMark("time-open").setAttribute("aria-expanded", `${!bar.hidden}`);
    if (bar.hidden) go(null);
    else { go(moment.at ? standsAt() : null, false); slider.focus(); }
  });
  return (at) => {
    go(at ? Date.parse(at) / MINUTE : null, false);
    if (moment.at) { bar.hidden = false; byMark("time-open").setAttribute("aria-expanded", "true"); }
  };
}
