// The map of a running night: people by call state, stations, the slider back to an earlier minute, keys, a small screen, paper.
import { PHONE, fits, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "0", "--start", "2023-09-01T21:30:00+08:00"];

export default async function ({ browser, url, logins }) {
  const page = await open(browser, url);
  await login(page, url, "zhuban", logins.zhuban);
  await until("a process on the map", async () => {
    await page.goto(`${url}map`);
    return (await page.locator("[data-map-slider]").count()) > 0 && (await page.locator("#map .map-done, #map .map-bad, #map .map-ended").count()) > 0;
  });
  const places = await page.locator("#map .map-place").count();
  holds("ten streets and 109 communities are drawn", places === 119, `${places}`);
  const words = await page.textContent("main");
  holds("it says that it is a sketch and that positions are invented", /示意图/.test(words) && /演示编造/.test(words));
  holds("the sentence says who knows", /谁知道了：\d\d:\d\d 整个过程应叫 \d+，已知晓 \d+/.test(words), words.slice(0, 400));
  holds("stations without coordinates or readings are listed", /无坐标/.test(words) && /上游监视/.test(words));
  await shot(page, "map-1366", { fullPage: true });
  const radius = async () => (await page.locator("#map .map-place").first().getAttribute("cx")) + (await page.locator("#map .map-name").count());
  const before = await radius();
  await page.locator("#map").focus();
  await page.keyboard.press("+");
  await page.keyboard.press("+");
  await page.keyboard.press("ArrowRight");
  await until("the keys moved the map", async () => (await radius()) !== before);
  await shot(page, "map-near-1366");
  await page.click("[data-map-do=all]");
  await page.uncheck("[data-map-layer=communities]");
  await until("a layer is hidden", async () => (await page.locator("#map .map-place").count()) === 0);
  await page.check("[data-map-layer=communities]");
  const minute = `${url}map?at=2023-09-01T21:15:00%2B08:00`;
  await until("the night is past 21:15", async () => (await page.request.get(minute)).status() === 200);
  const answer = await page.goto(minute);
  holds("an earlier minute opens", answer.status() === 200, `${answer.status()}`);
  holds("and says as of when it was known", /当时所知/.test(await page.textContent("main")) && /21:15 整个过程应叫/.test(await page.textContent("main")));
  await shot(page, "map-2115-1366", { fullPage: true });
  await page.locator("#map-known a").first().click();
  await page.waitForLoadState("domcontentloaded");
  holds("the list behind the sentence opens", page.url().includes("/map/known"), page.url());
  await page.goBack();
  await page.locator("[data-map-slider]").focus();
  await page.keyboard.press("ArrowLeft");
  await page.waitForURL((it) => it.searchParams.get("at")?.includes("13:14"), { timeout: 20_000 });
  holds("a key steps one minute back", /21:14 整个过程应叫/.test(await page.textContent("main")));
  const small = await open(browser, url, { viewport: PHONE, storageState: await page.context().storageState() });
  await small.goto(`${url}map`);
  await fits(small, "the map");
  await shot(small, "map-360");
  const bare = await open(browser, url, { javaScriptEnabled: false, storageState: await page.context().storageState() });
  await bare.goto(`${url}map`);
  holds("without scripts the tables say the same", /街道与社区/.test(await bare.textContent("main")));
  quiet(small);
  quiet(page);
}
