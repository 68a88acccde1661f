// Administration behind its own accounts: an invitation is opened by the invited person, a second factor is set up and asked
// for, and the auditor finds who did what. On an empty server: a demo has no administrators.
import { createHmac } from "node:crypto";
import { PHONE, fits, follow, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const server = true;
const PASSWORD = "river-bank-in-the-rain";

/// RFC 6238 as an authenticator computes it, `ahead` steps from now.
function code(base32, ahead) {
  const bits = [...base32.replace(/\s/g, "")].map((it) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(it).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((it) => parseInt(it, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(step).digest();
  return `${(mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000}`.padStart(6, "0");
}

async function send(page, fields) {
  for (const [name, value] of Object.entries(fields)) await page.fill(`[name=${name}]`, value);
  await follow(page, () => page.press(`[name=${Object.keys(fields).at(-1)}]`, "Enter"));
}

async function invite(page, url, login, role) {
  await page.goto(`${url}accounts`);
  await page.selectOption("form[method=post] select[name=role]", role);
  const form = page.locator('form[action$="/accounts"][method=post]');
  await form.locator("[name=login]").fill(login);
  await form.locator("[name=name]").fill(`管理员 ${login}`);
  await follow(page, () => form.locator("button").click());
  return page.inputValue("input[readonly]");
}

export default async function ({ browser, url, user }) {
  await user("anquan", "security_admin", null, PASSWORD);
  const page = await open(browser, url);
  await login(page, url, "anquan", PASSWORD);
  holds("the security administrator begins at the accounts", page.url().endsWith("/accounts"), page.url());
  holds("and is reminded of the second factor", /启用动态口令/.test(await page.textContent("aside.note")));
  await shot(page, "accounts-1366");
  const link = await invite(page, url, "shenji", "audit_admin");
  holds("an invitation is a link and a code", /\/invite\//.test(link) && (await page.locator("svg.qr").count()) === 1, link);
  await shot(page, "invitation-1366");

  const phone = await open(browser, url, { viewport: PHONE });
  await phone.goto(link);
  await fits(phone, "the page of an invitation");
  await shot(phone, "invite-360");
  await send(phone, { password: PASSWORD });
  holds("the invited person is inside and offered a second factor", phone.url().endsWith("/me/second-factor"), phone.url());
  await fits(phone, "the page of the second factor");
  await shot(phone, "second-factor-360");
  const secret = await phone.textContent("code.num");
  await send(phone, { password: PASSWORD, code: code(secret, 0) });
  holds("ten recovery codes are handed out", (await phone.locator(".codes li").count()) === 10);
  quiet(phone);

  const auditor = await open(browser, url);
  await auditor.goto(`${url}login`);
  await send(auditor, { login: "shenji", password: PASSWORD });
  await shot(auditor, "second-step-1366");
  await send(auditor, { code: code(secret, 1) });
  holds("the auditor begins at the journal", auditor.url().endsWith("/audit"), auditor.url());
  // What was written a moment ago is found as soon as it is sealed.
  const row = await until("the accepted invitation", async () => {
    await auditor.goto(`${url}audit?event=invitation.accepted`);
    const found = await auditor.textContent("tbody");
    return /shenji/.test(found) && found;
  });
  holds("and finds the accepted invitation", /受邀人设置口令/.test(row) && /shenji/.test(row), row);
  await shot(auditor, "audit-1366");
  await auditor.goto(`${url}roles`);
  holds("the roles stand in one table", (await auditor.locator(".permissions tbody tr").count()) > 20);
  await shot(auditor, "roles-1366");
  await auditor.goto(`${url}me`);
  holds("two windows are open", (await auditor.locator('[action*="/me/sessions/"]').count()) >= 2);
  await shot(auditor, "me-sessions-1366");
  quiet(auditor);
  quiet(page);
}
