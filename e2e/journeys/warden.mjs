// A visitor is a warden for a night: the page rings, the call is answered with a thumb, numbers are reported and corrected; all
// of it once more without script.
import { PHONE, fits, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "10", "--start", "2023-09-01T20:20:40+08:00"];

export default async function ({ browser, url, logins }) {
  const desk = await open(browser, url);
  await login(desk, url, "zhuban", logins.zhuban);
  await until(
    "the night has come to its screens",
    async () => {
      const world = await desk.request.get(`${url}api/v1/world`);
      return Date.parse((await world.json()).now) >= Date.parse(demo.at(-1)) - 1000;
    },
    600,
  );
  holds("the desk offers it", (await desk.goto(url)) && (await desk.locator("nav a[href$='/visit']").count()) === 1);

  const phone = await open(browser, url, { viewport: PHONE, hasTouch: true });
  await phone.goto(`${url}visit`);
  await fits(phone, "the offer");
  await phone.click("button.answer");
  await phone.waitForURL(/visit\//);
  await phone.click("#sound");
  await shot(phone, "visit-waits-360");
  await phone.locator("#call:not([hidden])").waitFor({ timeout: 300_000 });
  holds("it rings when the round calls", (await phone.title()).startsWith("☎"));
  await shot(phone, "visit-rings-360");
  const link = new URL(await phone.locator("#call").getAttribute("href"), url).href;
  await phone.click("#call");
  await phone.waitForURL(/\/a\//);
  await fits(phone, "the answer page");
  await shot(phone, "warden-360", { fullPage: true });
  const sizes = await phone.$$eval(".answer", (all) => all.map((it) => it.getBoundingClientRect().height));
  holds("three answers, each big enough for a thumb", sizes.length === 3 && sizes.every((it) => it >= 64), `${sizes}`);
  const bytes = (await (await phone.request.get(link)).body()).length;
  holds("the page is small", bytes < 20_000, `${bytes}`);
  holds("it says what to do and whom to ring", (await phone.locator("ol li").count()) >= 3 && (await phone.locator("a.dial[href^='tel:']").count()) === 1);

  const form = phone.locator("[data-transfer]").first();
  const value = (name) => form.locator(`input[name=${name}]`).inputValue();
  for (let i = 0; i < 3; i += 1) await form.locator("input[name=due] + .step").click();
  for (let i = 0; i < 2; i += 1) await form.locator("input[name=moved] + .step").click();
  await form.locator("input[name=lost] + .step").click();
  holds("taps keep the numbers adding up", (await value("due")) === "3" && (await value("moved")) === "2" && (await value("not_yet")) === "0" && (await value("lost")) === "1");
  const reported = (words) => until(`reported: ${words}`, async () => (await phone.textContent(".transfer")).includes(words));
  await form.locator("button[type=submit]").click();
  await reported("应转 3");
  holds("the report stands on the page", true);
  await phone.context().setOffline(true);
  await form.locator("input[name=due] + .step").click();
  await form.locator("button[type=submit]").click();
  await phone.locator("#waiting").waitFor();
  holds("without a signal the report is kept on the telephone, and it says so", (await phone.textContent("#waiting")).includes("有信号时自动送出"));
  await shot(phone, "warden-offline-360");
  await phone.context().setOffline(false);
  await reported("应转 4");
  holds("with the signal it is sent by itself", (await phone.locator("#waiting").count()) === 0);
  phone.wrong.length = 0;

  const plain = await open(browser, url, { viewport: PHONE, javaScriptEnabled: false });
  await plain.goto(link);
  await plain.locator(".transfer input[name=moved]").first().fill("9");
  await plain.locator(".transfer button[type=submit]").first().click();
  holds("without script, numbers that do not add up come back as typed", (await plain.locator(".wrong").count()) === 1 && (await plain.locator(".transfer input[name=moved]").first().inputValue()) === "9");
  await shot(plain, "warden-wrong-360", { fullPage: true });
  plain.wrong.length = 0;
  await plain.goto(link);
  await plain.click("button.key-1");
  holds("without script, a tap answers", (await plain.textContent("main")).includes("已收到您的答复"));
  await plain.click("summary");
  await plain.click("details button.key-2");
  holds("a change of mind is kept beside the first answer", (await plain.textContent("main")).includes("您答复过"));
  await shot(plain, "warden-answered-360", { fullPage: true });
  await plain.reload();
  holds("sent again, nothing changes", (await plain.textContent("main")).includes("收到、不能到岗"));
  quiet(plain);
  quiet(phone);

  const bystander = await open(browser, url, { viewport: PHONE });
  const guessed = await bystander.goto(`${url}visit/00000000000000000000000000000000`);
  holds("nobody else's telephone opens", guessed.status() === 404, `${guessed.status()}`);
}
