// A night at the desk by keyboard alone: acknowledge, forward, a telephone note, approve on a telephone, swap a shift, hand over.
import { OFFICE, PHONE, fits, follow, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "1", "--start", "2023-09-01T20:20:20+08:00"];

const text = (page) => page.textContent("main");

async function noScroll(page) {
  const seen = await page.evaluate(() => [document.documentElement.scrollHeight, document.documentElement.scrollWidth, innerHeight, innerWidth]);
  holds("the desk needs no scrolling at 1366×768", seen[0] <= seen[2] && seen[1] <= seen[3], `${seen}`);
}

export default async function ({ browser, url, logins }) {
  const page = await open(browser, url);
  await login(page, url, "zhuban", logins.zhuban);
  await until("the red signal", async () => /台风红色预警/.test(await text(page)), 900);
  holds("who is on duty stands by name", /带班领导/.test(await text(page)) && /主班/.test(await text(page)));
  const words = await text(page);
  holds("no English on the Chinese desk", !/English|SMS|API|[a-z]{4,}/.test(words.replace(/SAOLA/g, "")), words.match(/[a-z]{4,}/)?.[0] ?? "");
  holds("at most seven things to do", (await page.locator(".todo li").count()) <= 7);
  await noScroll(page);
  await shot(page, "desk-day-1366");

  // The story's officer has the same keys and may be quicker: then there is nothing left to press.
  const key = (letter) => page.locator(`[data-key="${letter}"]`).count();
  const press = async (letter) => (await key(letter)) && follow(page, () => page.keyboard.press(letter)).catch(() => {});
  await press("q");
  await until("the signal acknowledged", async () => !(await key("q")));
  holds("one key acknowledges", /签收/.test(await page.textContent("#signals")));
  await press("z");
  await until("the forward on the desk", async () => /已转 \d+\/\d+ 单位/.test(await page.textContent("#signals")));
  holds("one key forwards to every unit", true);

  await page.keyboard.press("F2");
  holds("F2 opens the note and waits for words", await page.evaluate(() => document.activeElement.id === "note-words"));
  await page.keyboard.type("市三防办问已转移人数，答 312 人");
  await page.keyboard.press("Tab");
  await page.keyboard.type("市三防办 李");
  await shot(page, "desk-note-1366");
  await page.keyboard.press("Enter");
  await until("the note on the timeline", async () => /市三防办问已转移人数/.test(await page.textContent("#timeline")));
  holds("one Enter saves it", !(await page.locator("dialog[open]").count()));

  const leader = await open(browser, url, { viewport: PHONE });
  await login(leader, url, "daiban", logins.daiban);
  await leader.goto(`${url}responses`);
  await leader.locator("#responses tbody a").first().click();
  await leader.waitForLoadState("load");
  await fits(leader, "the response");
  await shot(leader, "response-360");
  await page.goto(leader.url());
  await page.keyboard.press("v");
  holds("V opens the verbal yes and waits for a name", await page.evaluate(() => document.activeElement.name === "approver"));
  await page.goto(url);
  await leader.keyboard.press("y");
  await until("the approval", async () => /提级至Ⅰ级响应/.test(await text(leader)) && !(await leader.locator('[data-key="y"]').count()));
  holds("one tap on a telephone approves", true);
  quiet(leader);
  await until("the response on the desk", async () => /防台风 Ⅰ 级/.test(await page.textContent("#responses")), 10);
  holds("the desk shows it without being asked", true);
  await until("the round", async () => /要找的人/.test(await page.textContent("#silent")) && (await page.locator("svg.counts").count()) > 0, 300);
  await noScroll(page);
  await shot(page, "desk-round-1366");

  await page.goto(`${url}shifts`);
  holds("the month stands at a glance", (await page.locator(".roster tbody tr").count()) === 30);
  await shot(page, "shifts-1366");
  const names = page.locator("a.officer");
  const first = await names.nth(1).textContent();
  await names.nth(1).click();
  await page.waitForLoadState("load");
  await page.locator("button.officer").nth(4).click();
  await page.waitForLoadState("load");
  holds("two taps swap two officers", (await page.locator("a.officer").nth(1).textContent()) !== first, first);

  await page.goto(url);
  await page.keyboard.press("F4");
  await page.waitForURL(/hand-overs\/new/);
  await page.waitForLoadState("load");
  await shot(page, "hand-over-new-1366");
  await page.keyboard.press("F4");
  await page.click("main button.main");
  holds("F4 twice signs nothing unread", /hand-overs\/new/.test(page.url()));
  await page.check("input[name=checked]");
  await page.click("main button.main");
  await page.waitForURL(/hand-overs\/ho-/);
  await page.fill("input[name=login]", "fuban");
  await page.fill("input[name=password]", logins.fuban);
  await page.check("input[name=checked]");
  await page.keyboard.press("Enter");
  await until("both signatures", async () => /吴悦远/.test(await text(page)) && !/待签字/.test(await text(page)));
  holds("both officers signed on one page", true);
  holds("the next action is the incoming officer's log-in", /以接班人身份登录/.test(await page.textContent("button:focus")));
  await shot(page, "hand-over-1366", { fullPage: true });
  await page.emulateMedia({ media: "print" });
  await shot(page, "hand-over-print", { fullPage: true });
  await page.emulateMedia({ media: "screen" });

  await page.goto(url);
  await page.keyboard.press("n");
  await page.waitForURL(/signals\/new/);
  await page.fill("textarea[name=text]", "罗湖区发布暴雨橙色预警信号，请注意防御。");
  await page.selectOption("select[name=hazard]", "rainstorm");
  await page.selectOption("select[name=colour]", "orange");
  await page.fill("input[name=issuer]", "区气象台（演练）");
  holds("the own district is ticked", (await page.locator("input[name=areas]:checked").count()) === 1);
  await shot(page, "signal-new-1366");
  await page.click("button.main[type=submit], form button.main");
  await until("the pasted signal on the desk, with its call-out", async () => {
    const words = await text(page);
    return words.includes("区气象台（演练）") && /叫应级别 \d/.test(words);
  });
  holds("a pasted signal wakes its areas", true);

  const night = await open(browser, url, { viewport: OFFICE, colorScheme: "dark", storageState: await page.context().storageState() });
  await night.goto(url);
  await until("the desk at night", async () => (await night.locator(".todo li").count()) > 0);
  await noScroll(night);
  await shot(night, "desk-night-1366");
  const small = await open(browser, url, { viewport: PHONE, storageState: await page.context().storageState() });
  await small.goto(url);
  await fits(small, "the desk");
  await shot(small, "desk-phone-360", { fullPage: true });
  quiet(night);
  quiet(small);
  quiet(page);
}
