// The demo for a telephone in the same network: another address than this machine's own, so TLS; a code to scan, a page that
// rings, an answer by one tap.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { PHONE, fits, holds, open, quiet, shot, until } from "../kit.mjs";

export const demo = (folder) => {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=anlan demo", "-keyout", key, "-out", cert];
  execFileSync("openssl", made, { stdio: "ignore" });
  return ["--speed", "10", "--start", "2023-09-01T20:20:40+08:00", "--listen", "0.0.0.0", "--tls-cert", cert, "--tls-key", key];
};

export default async function ({ browser, url }) {
  holds("the address is one a telephone can open", /^https:\/\/(\d+\.){3}\d+:\d+\//.test(url), url);
  const phone = await open(browser, url, { viewport: PHONE, hasTouch: true, ignoreHTTPSErrors: true });
  await phone.goto(`${url}visit`);
  holds("there is a code to scan, with the address in words", (await phone.locator("svg.qr path").count()) === 1 && (await phone.textContent("main")).includes(`${url}visit`));
  await fits(phone, "the code");
  await shot(phone, "visit-code-360", { fullPage: true });
  await phone.tap("button.answer");
  await phone.waitForURL(/visit\//);
  await phone.tap("#sound");
  await phone.locator("#call:not([hidden])").waitFor({ timeout: 300_000 });
  await phone.tap("#call");
  await phone.waitForURL(/\/a\//);
  holds("the link leads to the same address", phone.url().startsWith(url), phone.url());
  await phone.tap("button.key-1");
  await until("the answer is taken", async () => (await phone.textContent("main")).includes("已收到您的答复"));
  holds("a tap answers over TLS", true);
  quiet(phone);
}
