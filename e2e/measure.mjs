// How fast the screens are while 2,535 people are being called: first view, how soon a change stands on the page, and how
// long an interaction holds the page up. Prints JSON; nothing here fails for being slow. `node e2e/measure.mjs BINARY`
import { launch, login, open, until, withDemo } from "./kit.mjs";

const NIGHT = ["--speed", "1", "--start", "2023-09-01T20:32:30+08:00"];
const TIMES = 5;
const rounded = (it) => Math.round(it * 10) / 10;
const middle = (all) => rounded([...all].sort((a, b) => a - b)[Math.floor(all.length / 2)]);

/// Milliseconds until the page stands, as the browser itself counts them.
async function firstView(browser, url, state) {
  const took = [];
  for (let i = 0; i < TIMES; i += 1) {
    const page = await open(browser, url, { storageState: state });
    await page.goto(url, { waitUntil: "load" });
    took.push(await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventStart));
    await page.context().close();
  }
  return { median_ms: middle(took), most_ms: rounded(Math.max(...took)) };
}

/// From the moment `change` is sent until `seen` holds on the page.
async function update(page, change, seen) {
  const took = [];
  for (let i = 0; i < TIMES; i += 1) {
    const before = await page.evaluate(seen, null);
    const begun = performance.now();
    await change(i);
    await page.waitForFunction(seen, before, { polling: 20 });
    took.push(performance.now() - begun);
  }
  return { median_ms: middle(took), most_ms: rounded(Math.max(...took)) };
}

/// The longest any key or click held this page up (Event Timing); the browser does not report what took less than 16 ms.
async function interactions(page, act) {
  await page.evaluate(() => {
    window.held = [];
    new PerformanceObserver((list) => window.held.push(...list.getEntries().map((it) => it.duration))).observe({ type: "event", durationThreshold: 16 });
  });
  await act();
  await page.waitForTimeout(500);
  const held = await page.evaluate(() => window.held);
  return { reported: held.length, most_ms: Math.max(0, ...held) };
}

const keys = (page, letters) => async () => {
  for (const it of letters) {
    await page.keyboard.press(it);
    await page.waitForTimeout(150);
  }
};

const browser = await launch();
const result = await withDemo(process.argv[2], NIGHT, async ({ url, logins }) => {
  const page = await open(browser, url);
  await login(page, url, "zhuban", logins.zhuban);
  const api = async (path) => (await page.request.get(`${url}api/v1/${path}`)).json();
  const round = await until("the red round", async () => (await api("rounds?limit=50")).items.find((it) => it.level === 1), 600);
  const counts = () => page.$$eval(".figure b", (all) => all.map((it) => Number(it.textContent)));
  const [desk, list, process] = [url, `${url}rounds/${encodeURIComponent(round.id)}`, `${url}processes/${encodeURIComponent(round.process)}`];
  await until("everybody is called", async () => {
    await page.goto(list);
    return (await counts())[0] > 2500;
  }, 600);
  const state = await page.context().storageState();
  const called = await counts();
  const note = async (i) => {
    const answer = await page.request.post(`${url}api/v1/telephone-notes`, { data: { words: `测速 ${i}` }, headers: { origin: new URL(url).origin } });
    if (!answer.ok()) throw new Error(await answer.text());
  };
  await page.goto(`${list}?state=calling`);
  const record = async () => {
    const [call] = (await api(`calls?round=${encodeURIComponent(round.id)}&state=calling&limit=1`)).items;
    const answer = await page.request.post(`${url}api/v1/calls/${encodeURIComponent(call.id)}/record`, { data: { how: "recorded_by_colleague" }, headers: { origin: new URL(url).origin } });
    if (!answer.ok()) throw new Error(await answer.text());
  };
  const on_round = await update(page, record, (before) => {
    const now = Number(document.querySelectorAll(".figure b")[4].textContent);
    return before === null ? now : now > before;
  });
  const round_keys = await interactions(page, keys(page, ["j", "j", "k", "j", "/", "Escape", "j"]));
  await page.goto(desk);
  const lines = (before) => {
    const now = document.querySelector("#timeline").textContent;
    return before === null ? now : now !== before && /测速/.test(now);
  };
  const on_desk = await update(page, note, lines);
  const desk_keys = await interactions(page, keys(page, ["F2", "Escape", "F2", "Escape", "Tab", "Tab"]));

  await page.goto(process);
  const process_keys = await interactions(page, keys(page, ["Tab", "Tab", "PageDown", "PageUp"]));
  const first_view = {};
  for (const [name, address] of Object.entries({ desk, round: list, process })) first_view[name] = await firstView(browser, address, state);

  return {
    called,
    first_view,
    update: { desk: on_desk, round: on_round },
    interaction: { desk: desk_keys, round: round_keys, process: process_keys },
  };
});
await browser.close();
console.log(JSON.stringify(result, null, 2));
