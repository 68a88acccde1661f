// Draw and call (圈选叫应): a duty officer finds the district's things on the one map, draws around them by pointer and by keys, reads
// what lies inside and who answers for it, and comes to the page that calls them; the same on a telephone and on paper.
import { PHONE, fits, follow, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "0", "--start", "2023-09-01T21:30:00+08:00", "--district", "small"];

const MAP = "canvas[data-atlas=map]";
const ready = (page) => page.waitForSelector("#atlas[data-ready]", { timeout: 60_000 });
const answer = (page) => page.textContent("[data-atlas=answer]");

/// The list is called for a reason of its own, by one key, and everybody on it comes to an end.
async function callThem(page, start, people) {
  await page.goto(start);
  holds("nobody has been called yet", (await page.textContent("main")).includes("现在还没有叫任何人"));
  await page.selectOption("select[name=process]", "");
  await page.selectOption("select[name=level]", "1");
  await follow(page, () => page.getByRole("button", { name: "按所选重算" }).click());
  await page.fill("input[name=reason]", "圈选范围内地质灾害隐患点告急");
  await page.fill("textarea[name=words]", "请立即到点位巡查，十分钟内回报");
  await page.locator("textarea[name=words]").scrollIntoViewIfNeeded();
  await shot(page, "audience-1366");
  let asked = "";
  page.once("dialog", (it) => { asked = it.message(); it.accept(); });
  await follow(page, () => page.keyboard.press("F9"));
  holds("the number is asked back before anybody is called", asked.includes(`${people} 人`), asked);
  holds("one key begins the round", new URL(page.url()).pathname.includes("/rounds/directed-"), page.url());
  const round = page.url();
  const figures = () => page.$$eval(".figure b", (all) => all.map((it) => Number(it.textContent)));
  await until("everybody on the list has a final state", async () => {
    await page.goto(round);
    const [called, open, ...ends] = await figures();
    return called >= people && open === 0 && called === ends.reduce((a, b) => a + b, 0);
  }, 300);
  holds("the round says whom it calls and what they hear", /十分钟内回报/.test(await page.textContent("#directed")));
  await shot(page, "directed-1366");
  await page.goto(start);
  holds("the list that was called leads to its round", page.url() === round, page.url());
}

/// Clicks at shares of the map's width and height.
async function click(page, ...spots) {
  for (const [x, y] of spots) {
    const box = await page.locator(MAP).boundingBox();
    await page.mouse.click(box.x + box.width * x, box.y + box.height * y);
    // Two clicks in quick succession would be a double click.
    await page.waitForTimeout(400);
  }
}

export default async function ({ browser, url, logins }) {
  const page = await open(browser, url);
  await login(page, url, "zhuban", logins.zhuban);
  const things = () => page.evaluate(async (it) => (await (await fetch(it)).json()).groups.flatMap((group) => group.layers).reduce((sum, layer) => sum + layer.count, 0), `${url}api/v1/map/layers`);
  await until("the register is filled", async () => (await things()) > 1_500, 240);
  await page.goto(`${url}atlas`);
  await ready(page);
  const layers = await page.locator("[data-atlas=tree] input").count();
  holds("the register's kinds stand in the tree", layers > 3, `${layers}`);
  holds("it says that it is a sketch", /示意图/.test(await page.locator(MAP).getAttribute("aria-label")));
  await until("the layers are drawn", () => page.evaluate(() => performance.getEntriesByType("resource").some((it) => it.name.endsWith(".mvt") && it.responseEnd > 0)));
  await shot(page, "atlas-1366");

  await page.click("[data-atlas=tool][value=call]");
  await click(page, [0.2, 0.25], [0.8, 0.25], [0.8, 0.85], [0.2, 0.85]);
  await page.click("[data-atlas=finish]");
  await page.waitForSelector("[data-atlas=people]", { timeout: 30_000 });
  const people = Number(await page.textContent("[data-atlas=people]"));
  holds("the shape says how many people answer for it", people > 0, `${people}`);
  holds("and what lies in it, each kind with its list", (await page.locator("[data-atlas=answer] .found a").count()) > 0);
  await shot(page, "atlas-call-1366");
  const { pathname } = new URL(await page.locator("[data-atlas=call-link]").getAttribute("href"), page.url());
  await follow(page, () => page.click("[data-atlas=call-link]"));
  holds("one press leads to the page that calls them", page.url().includes(pathname) && (await page.locator("main form button").count()) > 0, page.url());
  holds("which calls as many", (await page.textContent("main")).replace(/,/g, "").includes(`${people}`));
  const start = page.url();

  await page.goBack();
  await ready(page);
  holds("the map is as it was left", new URL(page.url()).hash.includes("layers="), page.url());
  await page.click("[data-atlas=tool][value=circle]");
  await page.locator(MAP).focus();
  for (const key of ["Enter", "ArrowRight", "ArrowRight", "Enter"]) await page.keyboard.press(key);
  await page.waitForSelector("[data-atlas=answer] .found", { timeout: 30_000 });
  holds("keys alone draw a circle, and lead to its results", await page.evaluate(() => document.activeElement.dataset.atlas === "panel-title"));
  await page.keyboard.press("Escape");
  await page.click("[data-atlas=tool][value=length]");
  await click(page, [0.4, 0.5], [0.6, 0.5]);
  await page.click("[data-atlas=finish]");
  holds("a line is measured", /长度[\d.,]+ (米|公里)/.test(await answer(page)), await answer(page));
  await page.click("[data-atlas=tool][value=nearest]");
  await click(page, [0.5, 0.5]);
  await page.waitForSelector("[data-atlas=answer] ol li", { timeout: 30_000 });
  holds("the nearest say by what they are the nearest", /按路程|按直线距离/.test(await answer(page)), await answer(page));
  await page.locator("[data-atlas=answer] ol button").first().click();
  await page.waitForSelector("[data-atlas=card] *:not(.soft)");
  holds("a found thing opens its card", (await page.locator("[data-atlas=card] .wrong").count()) === 0);
  await shot(page, "atlas-card-1366");

  await page.click("[data-atlas=panel-close]");
  await page.evaluate(() => { window.print = () => { document.body.dataset.printed = ""; }; });
  await page.click("[data-atlas=print-open]");
  await page.click("[data-atlas=print-go]");
  await page.waitForSelector("body[data-printed]", { timeout: 60_000 });
  const sheet = await page.evaluate(() => { const it = document.querySelector("[data-atlas=sheet-map]"); return { width: it.width, words: document.querySelector("[data-atlas=sheet]").textContent }; });
  holds("the sheet has dots enough for A3, says as of when, and that it is a sketch", sheet.width > 4000 && /数据截至 \d{4}-/.test(sheet.words) && /示意图/.test(sheet.words), JSON.stringify(sheet));

  const link = page.url();
  const small = await open(browser, url, { viewport: PHONE, storageState: await page.context().storageState() });
  await small.goto(link);
  await ready(small);
  await fits(small, "the map");
  await small.click("[data-sheet-tab=tools]");
  await small.click("[data-atlas=tool][value=call]");
  await click(small, [0.2, 0.5], [0.8, 0.5], [0.5, 0.9]);
  await small.click("[data-atlas=finish]");
  await small.waitForSelector("[data-atlas=answer] .call", { timeout: 30_000 });
  holds("on a telephone the answer comes up from below", await small.locator("[data-atlas=answer]").isVisible());
  await shot(small, "atlas-360");
  await small.goto(start);
  await fits(small, "the page that calls");
  await shot(small, "audience-360");
  await callThem(page, start, people);
  quiet(small);
  quiet(page);
}
