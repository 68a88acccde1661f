// The night's biggest round, 2,535 people, by keyboard: figures that add up, tiles that filter, somebody recorded, a number
// dialled, the door list printed, the list exported.
import { OFFICE, PHONE, fits, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "1", "--start", "2023-09-01T20:32:30+08:00"];

const figures = (page) => page.$$eval(".figure b", (all) => all.map((it) => Number(it.textContent)));
const rows = (page) => page.locator("tr[data-row]").count();

async function addUp(page, when) {
  const [called, ...parts] = await figures(page);
  holds(`${when}: the figures add up to everybody called`, called > 2500 && called === parts.reduce((a, b) => a + b, 0), `${called} = ${parts}`);
}

export default async function ({ browser, url, logins }) {
  const page = await open(browser, url);
  await login(page, url, "zhuban", logins.zhuban);
  const id = await until(
    "the red round",
    async () => {
      const answer = await page.request.get(`${url}api/v1/rounds?limit=50`);
      return (await answer.json()).items.find((it) => it.level === 1)?.id;
    },
    600,
  );
  const link = `${url}rounds/${encodeURIComponent(id)}`;
  await until(
    "everybody is called",
    async () => {
      await page.goto(link);
      return (await figures(page))[0] > 2500;
    },
    600,
  );
  await addUp(page, "first");
  await shot(page, "round-board-1366");
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
  holds("the page stays small however many people it is about", nodes < 3500, `${nodes}`);
  holds("there is a tile for every community", (await page.locator(".tile").count()) > 100);
  holds("it fits the screen of an office", (await page.evaluate(() => document.documentElement.scrollWidth)) <= OFFICE.width);

  const tile = page.locator(".tile.full, .tile.part").nth(20);
  const name = await tile.getAttribute("title");
  const begun = Date.now();
  await tile.click();
  await page.waitForFunction(() => location.search.includes("region="));
  console.log(`  (a tile filtered the list in ${Date.now() - begun} ms)`);
  holds("a tile filters the list", (await rows(page)) > 0 && (await page.locator(".chip").textContent()).includes(name.slice(0, 3)), name);
  await page.goBack();
  await page.waitForFunction(() => !location.search.includes("region="));

  await page.selectOption("select[name=state]", "calling");
  await page.waitForFunction(() => location.search.includes("state=calling"));
  await until("somebody is still being called", async () => (await rows(page)) > 0);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  const focused = await page.evaluate(() => document.activeElement.id);
  holds("j and k move along the list", focused.startsWith("row-"), focused);
  await shot(page, "round-keys-1366");
  const before = (await figures(page))[4];
  await page.keyboard.press("1");
  await until("the recorded one is counted", async () => (await figures(page))[4] > before);
  // The night goes on meanwhile: a list that has run empty has no row to hold the focus.
  const held = () => document.activeElement.id.startsWith("row-") || !document.querySelector("tr[data-row]");
  await until("the focus is on the list again", () => page.evaluate(held));
  holds("one key records somebody, and the focus stays on the list", true);
  await addUp(page, "after the record");

  // The night goes on: whoever had the focus may have answered a moment ago, and a final call shows no number.
  await until("the number is shown", async () => {
    await page.keyboard.press("3");
    return (await page.locator("dialog[open] a[href^='tel:']").count()) > 0;
  });
  holds("a number is shown where it is needed, and that this is journaled", (await page.textContent("dialog[open]")).includes("操作日志"));
  await shot(page, "round-number-1366");
  await page.keyboard.press("Escape");

  await page.goto(link);
  await page.keyboard.press("/");
  await page.keyboard.type("秦");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.search.includes("q="));
  await until("the name is found", async () => {
    const names = await page.$$eval("tr[data-row] b", (all) => all.map((it) => it.textContent));
    return names.length > 0 && names.every((it) => it.includes("秦"));
  });
  holds("a letter of a name finds its people", true);

  const sheet = await page.request.get(new URL(`${link}/export.xlsx?state=not_reached`, url).href);
  holds("the list comes as a spreadsheet", sheet.status() === 200 && (await sheet.body()).subarray(0, 2).toString() === "PK", `${sheet.status()}`);
  await until(
    "somebody's superior is told",
    async () => {
      await page.goto(link);
      return (await page.locator("#lists a").count()) > 0;
    },
    600,
  );
  await shot(page, "round-late-1366");
  await page.locator("#lists a").first().click();
  await page.waitForURL(/escalations/);
  holds("a list for a superior opens", (await page.textContent("h1")).includes("逐级叫应名单"));
  await shot(page, "round-list-1366");
  await page.goto(link);
  await page.locator("form[action$='/door-list'] button").click();
  await page.waitForLoadState("domcontentloaded");
  holds("the door list says who printed it", (await page.textContent("main")).includes("打印人"));
  await shot(page, "round-doors-1366");
  await page.emulateMedia({ media: "print" });
  await shot(page, "round-doors-print", { fullPage: true });
  quiet(page);

  const small = await open(browser, url, { viewport: PHONE, storageState: await page.context().storageState() });
  await small.goto(new URL(link, url).href);
  await fits(small, "the round");
  await shot(small, "round-360");
  quiet(small);
}
