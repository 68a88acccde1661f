// Scan a card (扫牌): a keeper makes the board of a slope, somebody passing by scans it and reads who answers today without
// a log-in, and after a change of the responsible person the same board says that it is out of date.
import { PHONE, fits, follow, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "0", "--start", "2023-09-01T22:00:00+08:00", "--district", "small"];

const asJson = (page, path, options) =>
  page.evaluate(async ([to, more]) => {
    const answer = await fetch(to, { ...more, headers: { "content-type": "application/json" } });
    return { status: answer.status, body: await answer.json().catch(() => null) };
  }, [path, options]);

export default async function ({ browser, url, logins }) {
  const page = await open(browser, url);
  await login(page, url, "taizhang", logins.taizhang);
  const persons = (it) => Object.entries(it.fields).filter(([, value]) => `${value}`.startsWith("person:"));
  const led = await until("there are slopes with their people", async () => {
    const items = (await asJson(page, `${url}api/v1/register/geohazard-point?limit=20`)).body?.items ?? [];
    const found = items.filter((it) => persons(it).length > 0);
    return found.length > 1 && found;
  }, 240);
  const [slope, other] = led;
  const card = `${url}records/${slope.id}/card`;
  await page.goto(card);
  await follow(page, () => page.click("button.main"));
  holds("the board carries a code", (await page.locator("main.board svg").count()) > 0, await page.textContent("main"));
  await shot(page, "board-1366");

  const boards = (await asJson(page, `${url}api/v1/boards`)).body.items;
  holds("it stands among the boards that hang", boards.length === 1, JSON.stringify(boards));
  const passer = await open(browser, url, { viewport: PHONE });
  const scanned = `${url}c/${boards[0].id ?? boards[0].board?.id}`;
  await passer.goto(scanned);
  const text = await passer.textContent("main");
  holds("a scan shows who answers today, without a log-in", /今日责任人/.test(text) && !(await passer.locator("[role=alert]").count()), text);
  await fits(passer, "the scan");
  await shot(passer, "scan-360");

  const [field] = persons(slope)[0];
  const successor = persons(other).map((it) => it[1]).find((it) => !persons(slope).some(([, value]) => value === it));
  const changed = await asJson(page, `${url}api/v1/records/${slope.id}`, {
    method: "PUT",
    body: JSON.stringify({ revision: slope.revision, fields: { [field]: successor } }),
  });
  holds("another person answers from now on", changed.status === 200, JSON.stringify(changed));
  await passer.reload();
  holds("the old board says that it is out of date", (await passer.locator("[role=alert]").count()) === 1, await passer.textContent("main"));
  await shot(passer, "scan-old-360");
  quiet(passer);
  quiet(page);
}
