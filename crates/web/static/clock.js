// The clock shows world time. The real one runs by itself; a driven one is asked for.

const ZONE = "Asia/Shanghai";
const FORM = new Intl.DateTimeFormat("zh-CN", {
  timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const ASK_EVERY = 2000;

let ahead = Number(document.body.dataset.now) - Date.now();

/** World time, in milliseconds. */
export const worldNow = () => Date.now() + ahead;

export function startClock() {
  const shown = document.getElementById("clock");
  if (!shown) return;
  const { driven, base } = document.body.dataset;
  const show = () => {
    const at = new Date(worldNow());
    shown.textContent = FORM.format(at);
    shown.dateTime = at.toISOString();
  };
  if (driven === undefined) {
    setInterval(show, 1000);
    return;
  }
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(`${base}/api/v1/world`, { credentials: "same-origin" });
      if (!answer.ok) return;
      ahead = Date.parse((await answer.json()).now) - Date.now();
      show();
    } catch {
      // The live stream says when the server is away; the clock just stands.
    }
  }, ASK_EVERY);
}

/** Notes that figures were read anew: 数据截至. */
export function markFresh() {
  const clock = document.getElementById("clock");
  const asOf = document.getElementById("as-of");
  if (clock && asOf) asOf.textContent = clock.textContent.slice(0, 5);
}
