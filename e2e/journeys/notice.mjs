// A risk notice: the story's officer wrote one; here it is updated from the facts, signed by the leader on a phone, and corrected on a verbal yes.
import { PHONE, fits, follow, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const demo = ["--speed", "20", "--start", "2023-09-01T20:40:00+08:00"];

const text = (page) => page.textContent("body");
const press = (page, button) => follow(page, () => page.locator(button).first().click());
const agree = (page) => page.on("dialog", (dialog) => dialog.accept());

export default async function ({ browser, url, logins }) {
  const page = await open(browser, url);
  agree(page);
  await login(page, url, "zhuban", logins.zhuban);
  await until("the night is where the story opens", async () => {
    await page.goto(`${url}notices`);
    return (await page.getAttribute("#clock", "datetime")) >= "2023-09-01T12:40";
  }, 600);
  holds("the story's notice has the first number", /罗三防风险〔2023〕1号/.test(await text(page)));
  await shot(page, "notices-1366");
  await press(page, 'form[action$="/notices"] button');
  holds("a second one for the same process and area is refused by name", /已有提示单 罗三防风险〔2023〕1号/.test(await text(page)));
  page.wrong.length = 0;
  await page.goto(`${url}notices`);
  await follow(page, () => page.locator('#notices a[href*="/notices/wp-"]').first().click());
  await page.fill('form[action$="/begin"] input[name=reason]', "风力加大");
  await press(page, 'button[value="update"]');
  holds("an update opens", /\/notices\/wp-/.test(page.url()), page.url());
  const draft = await text(page);
  holds("signals stand as quotations of their issuer", /信号情况（原文照录）/.test(draft) && /香港天文台/.test(draft), draft.slice(0, 400));
  holds("what to do comes from the pack", /各单位值班室保持 24 小时/.test(await page.inputValue("textarea[name=measures]")));
  await page.fill("input[name=title]", "台风红色预警风险提示单");
  const [refusal] = await Promise.all([
    page.waitForResponse((it) => it.request().method() === "POST" && it.url().endsWith("/edit")),
    follow(page, () => page.keyboard.press("F8")),
  ]);
  holds("words of a signal are refused and named", refusal.status() === 400 && /台风红色/.test(await text(page)), `${refusal.status()}`);
  page.wrong.length = 0;
  await page.goBack();
  await page.fill("input[name=title]", "台风风险提示单");
  await follow(page, () => page.keyboard.press("F8"));
  const notice = page.url();
  holds("it waits for a signature", /待签发/.test(await text(page)));
  holds("its drafter has no button to sign", (await page.locator('form[action$="/sign"]').count()) === 0);
  await shot(page, "notice-draft-1366", { fullPage: true });

  const phone = await open(browser, url, { viewport: PHONE });
  agree(phone);
  await login(phone, url, "daiban", logins.daiban);
  await phone.goto(`${notice}/sign`);
  await fits(phone, "the signing page");
  const button = await phone.locator('form[action$="/sign"] button').boundingBox();
  holds("one big button", button.width > 250 && button.height >= 56, JSON.stringify(button));
  await shot(phone, "notice-sign-360", { fullPage: true });
  await press(phone, 'form[action$="/sign"] button');
  holds("it has the next number", /罗三防风险〔2023〕2号/.test(await text(phone)));
  await fits(phone, "the notice");
  await shot(phone, "notice-360", { fullPage: true });

  await until("every duty room got it", async () => {
    await page.goto(notice);
    return /已送达|已发出/.test(await page.textContent("#recipients"));
  });
  await page.fill('form[action$="/begin"] input[name=reason]', "莲塘街道也受影响");
  await press(page, 'button[value="correction"]');
  holds("a correction is being drafted", /更正原因：莲塘街道也受影响/.test(await text(page)));
  await page.locator("details.card summary").click();
  await page.fill("input[name=said_by]", "演示·胡青星");
  await page.fill("input[name=said_from]", "8201");
  await press(page, 'form[action$="/verbal"] button');
  holds("a verbal yes sends it and asks for the signature", /待补签/.test(await text(page)) && /罗三防风险〔2023〕3号/.test(await text(page)));
  await page.locator("#history summary").first().click();
  await shot(page, "notice-correction-1366", { fullPage: true });

  await page.goto(`${notice}/print`);
  await page.emulateMedia({ media: "print" });
  await shot(page, "notice-print", { fullPage: true });
  await page.goto(`${notice}/application`);
  await shot(page, "notice-application", { fullPage: true });
  await page.emulateMedia({ media: null });
  holds("the request to the warning centre says who asks", /申请单位/.test(await text(page)));
  const cap = await page.request.get(`${url}api/v1/notices/${notice.split("/").pop()}.cap`);
  holds("CAP is restricted and a test in a replay", /<scope>Restricted</.test(await cap.text()) && /<status>Test</.test(await cap.text()));
  const hidden = await page.goto(`${url}public`);
  holds("the public page is off", hidden.status() === 404, `${hidden.status()}`);
  page.wrong.length = 0;

  await page.request.post(`${url}lang`, { form: { lang: "en", next: "" }, headers: { origin: new URL(url).origin } });
  await page.goto(notice);
  holds("the screen speaks English, the paper Chinese", /Recipients/.test(await text(page)) && /防范措施/.test(await text(page)));
  await shot(page, "notice-en-1366");
  quiet(page);
  quiet(phone);
}
