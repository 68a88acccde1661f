// After the red round: the process page with its readings and timeline, the effect analysis whose figures open their people,
// one page on paper, the summary and a record of duty.
import { PHONE, fits, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "0", "--start", "2023-09-01T22:00:00+08:00"];

const number = async (locator) => Number((await locator.textContent()).replace(/[^\d]/g, ""));
const pagesOf = (pdf) => pdf.toString("latin1").match(/\/Type\s*\/Page\b(?!s)/g)?.length ?? 0;

export default async function ({ browser, url, logins }) {
  const page = await open(browser, url);
  await login(page, url, "zhuban", logins.zhuban);
  const api = async (path) => (await page.request.get(`${url}api/v1/${path}`)).json();
  // The night is replayed at full speed; a done round's counts stay.
  const process = await until("the red round to be done", async () => {
    const { items } = await api("processes");
    return items?.find((it) => it.rounds.some((round) => round.level === 1 && round.state === "done" && round.called > 0));
  }, 900);
  const base = `${url}processes/${process.id}`;

  await page.goto(base);
  holds("the process page shows strip charts", (await page.locator("#charts svg.strip path.curve").count()) > 0);
  holds("limits stand in the charts with shape and numeral", /[▲■◆●][ⅠⅡⅢⅣ]/.test(await page.textContent("#charts")));
  holds("a chart can be read as a table", (await page.locator("#charts details table").count()) > 0);
  holds("the timeline tells of the storm", (await page.locator("#timeline li").count()) > 20);
  await shot(page, "process-1366", { fullPage: true });
  const calls = page.locator("#timeline .chips a", { hasText: "未叫通" });
  await calls.click();
  await page.waitForLoadState("domcontentloaded");
  const line = page.locator("#timeline li a", { hasText: /^\d+ 人/ }).first();
  const said = Number.parseInt(await line.textContent(), 10);
  await line.click();
  await page.waitForLoadState("domcontentloaded");
  holds("a line of the timeline opens as many calls as it says", (await page.locator("#calls tr").count()) === Math.min(said, 100), `${said}`);

  await page.goto(`${base}/effect`);
  const red = process.rounds.find((it) => it.level === 1);
  const round = await api(`rounds/${red.id}`);
  holds("应叫 is the round's", (await number(page.locator(".tile b").first())) === round.called);
  const states = await page.locator(".states b").allTextContents();
  holds("the states add up to 应叫", states.reduce((sum, it) => sum + Number(it), 0) === round.called, states.join("+"));
  const streets = page.locator("table.figures").last();
  const called = await streets.locator("tbody tr td:nth-child(2)").allTextContents();
  holds("the streets add up to 应叫", called.reduce((sum, it) => sum + Number(it), 0) === round.called, called.join("+"));
  await shot(page, "effect-1366", { fullPage: true });
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  const pdf = await page.pdf({ format: "A4", preferCSSPageSize: true });
  holds("the analysis is exactly one page A4", pagesOf(pdf) === 1, `${pagesOf(pdf)}`);
  await page.setViewportSize({ width: 703, height: 1031 });
  await shot(page, "effect-print");
  await page.setViewportSize({ width: 1366, height: 768 });
  await page.emulateMedia({ media: "screen", colorScheme: "light" });
  const reached = streets.locator("tbody tr:nth-child(2) td:nth-child(3) a");
  const people = await number(reached);
  await reached.click();
  await page.waitForLoadState("domcontentloaded");
  holds("a figure opens its people", Number(await page.locator("#filter .end b.num").textContent()) === people, `${people}`);
  const person = new URL(await page.locator("#calls tr a").first().getAttribute("href"), url).pathname;

  await page.goto(`${base}/summary`);
  holds("the summary states its cut-off", /数据截至/.test(await page.textContent("main")));
  holds("every figure of the summary is a link", (await page.locator("a.figure").count()) > 15);
  await shot(page, "summary-1366", { fullPage: true });
  await page.locator("a.figure").nth(5).click();
  await page.waitForLoadState("domcontentloaded");
  holds("a figure of the summary opens", (await page.locator("main").count()) === 1 && !/problem/.test(page.url()));

  const callee = decodeURIComponent(person).split("/").pop();
  await page.goto(`${base}/evidence/${encodeURIComponent(callee)}`);
  holds("a record of duty carries digests and the signed head", (await page.locator("code.digest").count()) > 3 && /signature/.test(await page.textContent("pre.head")));
  await shot(page, "evidence-1366", { fullPage: true });
  holds("it prints", pagesOf(await page.pdf({ format: "A4", preferCSSPageSize: true })) >= 1);
  const sheet = await page.request.get(`${base}/effect.xlsx`);
  holds("the analysis leaves as a sheet", sheet.status() === 200 && (await sheet.body()).subarray(0, 2).toString() === "PK");

  const small = await open(browser, url, { viewport: PHONE, storageState: await page.context().storageState() });
  for (const [name, path] of [["process", ""], ["effect", "/effect"], ["summary", "/summary"], ["evidence", `/evidence/${encodeURIComponent(callee)}`]]) {
    await small.goto(`${base}${path}`);
    await fits(small, `the ${name} page`);
    await shot(small, `${name}-360`, { fullPage: true });
  }
  const night = await open(browser, url, { storageState: await page.context().storageState(), colorScheme: "dark" });
  await night.goto(base);
  await shot(night, "process-night");
  await night.goto(`${base}/effect`);
  await shot(night, "effect-night");
  quiet(night);
  quiet(small);
  quiet(page);
}
