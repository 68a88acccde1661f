// The system administrator looks at every channel, tries one, decides what goes where; a duty officer may not.
import { PHONE, fits, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "0", "--start", "2023-09-01T20:40:00+08:00"];

export default async function ({ browser, url, logins }) {
  const officer = await open(browser, url);
  await login(officer, url, "zhuban", logins.zhuban);
  const refused = await officer.goto(`${url}channels`);
  holds("channels are not the duty officer's", refused.status() === 403, `${refused.status()}`);

  const page = await open(browser, url);
  await login(page, url, "xitong", logins.xitong);
  await page.goto(`${url}channels`);
  const row = (name) => page.locator(`tr[data-channel="${name}"]`);
  for (const name of ["simulated", "simulated-wecom", "simulated-dingtalk", "simulated-feishu", "simulated-mail"]) {
    holds(`${name} stands on the page and says it is simulated`, /本机模拟/.test(await row(name).textContent()));
  }
  holds("no secret is on the page", !/access_token=|[?&]key=/.test(await page.content()));
  await shot(page, "channels-1366", { fullPage: true });

  await until("the group heard of a round", async () => {
    await page.reload();
    return Number(await row("simulated-wecom").locator("td").nth(3).textContent()) > 0;
  });
  await row("simulated-feishu").locator("button").click();
  await page.waitForSelector("#test-result");
  const said = await page.textContent("#test-result");
  holds("a test brings back the far side's own words", /【通道测试】/.test(said) && /对方已接收/.test(said) && /success/.test(said), said);
  await shot(page, "channels-test-1366");

  await page.goto(`${url}channels`);
  await row("simulated-mail").locator("input[name=to]").fill("chief@anlan.invalid");
  await row("simulated-mail").locator("button").click();
  await page.waitForSelector("#test-result");
  holds("a mail server's answer is shown", /250/.test(await page.textContent("#test-result")));
  holds("the address typed for a test is stored nowhere", !/chief@anlan/.test(await page.content()));

  await page.goto(`${url}channels`);
  const routes = page.locator("#routes");
  const before = await routes.locator("tr").count();
  await routes.locator("select[name=matter]").selectOption("notice");
  await routes.locator("input[name=region]").fill("440303");
  await routes.locator("select[name=channel]").selectOption("simulated-feishu");
  await routes.getByRole("button", { name: "增加去向" }).click();
  await page.waitForLoadState("domcontentloaded");
  holds("a route is added", (await routes.locator("tr").count()) === before + 1);
  await shot(page, "channels-routes-1366", { fullPage: true });
  await routes.locator("tr", { hasText: "风险提示单" }).getByRole("button", { name: "删除" }).click();
  await page.waitForLoadState("domcontentloaded");
  holds("and taken away", (await routes.locator("tr").count()) === before);

  const small = await open(browser, url, { viewport: PHONE, storageState: await page.context().storageState() });
  await small.goto(`${url}channels`);
  await fits(small, "the channel page");
  await shot(small, "channels-360");
  quiet(page);
  quiet(small);
}
