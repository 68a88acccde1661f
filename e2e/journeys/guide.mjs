// The guided night from 20:05 to the morning, by keyboard alone: every decision of the guide, and what it asks for at each.
// A second window is a warden's telephone.
import { PHONE, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = [];

const DECISION = "aside.guide[data-waiting]";

/// Moves the focus by Tab until `selector` has it; what Tab does not reach, a keyboard cannot use.
async function tabTo(page, selector) {
  for (let i = 0; i < 1000; i += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((it) => document.activeElement.matches(it), selector)) return;
  }
  throw new Error(`Tab does not reach ${selector}`);
}

const said = (page) => page.textContent("#guide .words");

/// On to the decision whose title has `words`.
async function decision(page, words) {
  await until(`the decision: ${words}`, async () => (await said(page)).includes(words) && (await page.locator(DECISION).count()) === 1, 300);
  holds(`the guide stops at: ${words}`, true);
}

/// What the guide points at, by its key.
async function look(page, pattern) {
  await page.keyboard.press("g");
  await page.waitForURL(pattern);
  await page.waitForLoadState("load");
}

export default async function ({ browser, url, logins }) {
  const page = await open(browser, url);
  await login(page, url, "zhuban", logins.zhuban);
  await decision(page, "20:05");
  holds("it opens with what happened before", /八号|8 号|信号/.test(await said(page)), await said(page));
  await shot(page, "guide-1366");
  const phone = await open(browser, url, { viewport: PHONE });
  await phone.goto(`${url}visit`);
  await tabTo(phone, "button.answer");
  await phone.keyboard.press("Enter");
  await phone.waitForURL(/visit\//);

  await page.keyboard.press("d");
  await decision(page, "十号信号");
  await until("the siren of signal 10", () => page.evaluate(() => document.querySelector('[data-key="q"]') !== null));
  await shot(page, "guide-signal-1366");
  await page.keyboard.press("q");
  await until("the signal acknowledged", async () => (await page.locator('[data-key="q"]').count()) === 0);
  await page.waitForLoadState("load");
  holds("one key acknowledges signal 10", true);
  await page.keyboard.press("z");
  await until("the original forwarded", async () => /已转 \d+\/\d+ 单位/.test(await page.textContent("#signals")));
  await page.waitForLoadState("load");

  await page.keyboard.press("d");
  await decision(page, "红色信号");
  await page.keyboard.press("q");
  await until("the red signal acknowledged", async () => (await page.locator('[data-key="q"]').count()) === 0);
  await page.waitForLoadState("load");

  await page.keyboard.press("d");
  await decision(page, "2 535");
  await phone.locator("#call:not([hidden])").waitFor({ timeout: 120_000 });
  holds("the visitor's own telephone rings", true);
  await tabTo(phone, "#call");
  await phone.keyboard.press("Enter");
  await phone.waitForURL(/\/a\//);
  await tabTo(phone, "button.key-1");
  await phone.keyboard.press("Enter");
  await until("the answer is taken", async () => (await phone.textContent("main")).includes("已收到您的答复"));
  await look(page, /\/rounds\//);
  await until("the communities turn green", async () => (await page.locator(".tile.full, .tile.part").count()) > 20);
  await shot(page, "guide-round-1366");

  await page.keyboard.press("d");
  await decision(page, "没叫通");
  const figures = () => page.$$eval(".figure b", (all) => all.map((it) => Number(it.textContent)));
  await until("the figures add up", async () => {
    const [called, ...parts] = await figures();
    return called > 2500 && called === parts.reduce((a, b) => a + b, 0);
  });
  await tabTo(page, "form[action$='/door-list'] button");
  await page.keyboard.press("Enter");
  await page.waitForURL(/door/);
  holds("the door list opens", /上门/.test(await page.textContent("main")));
  await shot(page, "guide-door-1366");
  await page.goBack();
  await page.waitForLoadState("load");

  await page.keyboard.press("d");
  await decision(page, "青衣");
  await look(page, /\/alarms/);
  holds("the silence of Tsing Yi is an alarm", /青衣/.test(await page.textContent("main")));
  await shot(page, "guide-silence-1366");

  await page.keyboard.press("d");
  await decision(page, "叫应效能分析");
  await look(page, /\/effect/);
  holds("how the call-out went stands on one page", (await page.locator(".tile b").count()) > 3);

  await page.keyboard.press("d");
  await decision(page, "21:15");
  await look(page, /\/map/);
  holds("the map says who knew at 21:15", /21:15 整个过程应叫 \d+/.test(await page.textContent("main")));
  await tabTo(page, "[data-map-slider]");
  await page.keyboard.press("ArrowLeft");
  await page.waitForURL((it) => it.searchParams.get("at")?.includes("13:14"));
  holds("a key of the slider steps a minute back", /21:14 整个过程应叫/.test(await page.textContent("main")));

  await page.keyboard.press("d");
  await tabTo(page, "#guide select");
  await page.keyboard.press("End");
  await until("the morning", async () => (await page.request.get(`${url}api/v1/world`)).json().then((it) => Date.parse(it.now) >= Date.parse("2023-09-02T05:00:00+08:00")), 400);
  await page.goto(url);
  await page.keyboard.press("F4");
  await page.waitForURL(/hand-overs\/new/);
  await page.waitForLoadState("load");
  await tabTo(page, "input[name=checked]");
  await page.keyboard.press("Space");
  await tabTo(page, "main button.main");
  await page.keyboard.press("Enter");
  await page.waitForURL(/hand-overs\/ho-/);
  await tabTo(page, "input[name=login]");
  await page.keyboard.type("fuban");
  await page.keyboard.press("Tab");
  await page.keyboard.type(logins.fuban);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await page.keyboard.press("Enter");
  await until("both signatures", async () => !/待签字/.test(await page.textContent("main")));
  holds("the night is handed over with both signatures", true);
  await shot(page, "guide-handed-over-1366", { fullPage: true });
  quiet(phone);
  quiet(page);
}
