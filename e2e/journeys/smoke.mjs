// A stranger logs in, the duty desk fills, a round is opened from it, an answer page is refused without its token.
import { PHONE, fits, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "0", "--start", "2023-09-01T20:40:00+08:00"];

export default async function ({ browser, url, logins }) {
  const page = await open(browser, url);
  await page.goto(url);
  holds("a stranger is asked to log in", page.url().includes("/login"), page.url());
  await page.fill("input[name=login]", "zhuban");
  await page.fill("input[name=password]", "wrong-password");
  await page.press("input[name=password]", "Enter");
  await page.waitForLoadState("domcontentloaded");
  holds("a wrong password is refused", page.url().includes("/login"), page.url());
  page.wrong.length = 0;
  await login(page, url, "zhuban", logins.zhuban);
  holds("the desk is a replay and says so", /回放/.test(await page.title()) || /回放/.test(await page.textContent("body")));
  // The night is replayed at full speed; the desk is looked at until the red round is there.
  await until("a round on the desk", async () => {
    await page.reload();
    return (await page.locator('a[href*="/rounds/"]').count()) > 0 && /天文台/.test(await page.textContent("body"));
  });
  holds("signals stand under their issuer", /香港天文台/.test(await page.textContent("body")));
  holds("what is invented says so", /演示编造/.test(await page.textContent("body")));
  await shot(page, "desk-1366");
  await page.locator('a[href*="/rounds/"]').first().click();
  await page.waitForLoadState("domcontentloaded");
  holds("a round opens from the desk", page.url().includes("/rounds/"), page.url());
  await shot(page, "round-1366");
  for (const path of ["stations", "alarms", "people", "signals/new", "me", "help", "help/card"]) {
    const answer = await page.goto(`${url}${path}`);
    holds(`/${path} opens`, answer.status() === 200, `${answer.status()}`);
    await shot(page, `${path.replace("/", "-")}-1366`);
  }
  await page.emulateMedia({ media: "print" });
  const pages = (await page.pdf({ format: "A4" })).toString("latin1").match(/\/Type\s*\/Page\b(?!s)/g)?.length;
  holds("the night card is one page A4", pages === 1, `${pages}`);
  await page.emulateMedia({ media: "screen" });
  const small = await open(browser, url, { viewport: PHONE, storageState: await page.context().storageState() });
  await small.goto(url);
  await fits(small, "the desk");
  await shot(small, "desk-360");
  quiet(small);
  const stranger = await small.goto(`${url}a/AAAAAAAAAAAAAAAAAAAAAA`);
  holds("a link nobody made opens nothing", stranger.status() === 404, `${stranger.status()}`);
  quiet(page);
}
