// The demo in a real browser: log in, the duty desk fills, a round is opened from it, the answer page is refused
// without its token. Run by scripts/test-browser; pictures go to $ANLAN_SHOTS.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [binary] = process.argv.slice(2);
const shots = process.env.ANLAN_SHOTS ?? join(tmpdir(), "anlan-shots");
mkdirSync(shots, { recursive: true });
let passed = 0;

function holds(what, condition, seen = "") {
  if (!condition) throw new Error(`${what} ${seen}`);
  passed += 1;
  console.log(`ok ${what}`);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function greeted(demo) {
  return new Promise((resolve, reject) => {
    let text = "";
    // Kept on: a demo whose output nobody reads would stop.
    demo.stdout.on("data", (piece) => {
      text += piece;
      const login = text.match(/^ {2}zhuban +(\S+)/m);
      const url = text.match(/^http:\S+/m);
      if (login && url && text.includes("Hong Kong Observatory")) resolve({ url: url[0], password: login[1] });
    });
    demo.on("exit", () => reject(new Error(`the demo ended: ${text}`)));
  });
}

const folder = mkdtempSync(join(tmpdir(), "anlan-e2e-"));
const port = await freePort();
const demo = spawn(binary, ["demo", "--port", `${port}`, "--speed", "0", "--start", "2023-09-01T20:40:00+08:00", "--data", join(folder, "data")], {
  stdio: ["ignore", "pipe", "inherit"],
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const { url, password } = await greeted(demo);
  const context = await browser.newContext({ locale: "zh-CN", viewport: { width: 1366, height: 768 } });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(`${error}`));
  await page.goto(url);
  holds("a stranger is asked to log in", page.url().includes("/login"), page.url());
  await page.fill("input[name=login]", "zhuban");
  await page.fill("input[name=password]", "wrong-password");
  await page.press("input[name=password]", "Enter");
  await page.waitForLoadState("domcontentloaded");
  holds("a wrong password is refused", page.url().includes("/login"), page.url());
  wrong.length = 0;
  await page.fill("input[name=login]", "zhuban");
  await page.fill("input[name=password]", password);
  await page.press("input[name=password]", "Enter");
  await page.waitForURL(url, { timeout: 20_000 });
  holds("the desk is a replay and says so", /回放/.test(await page.title()) || /回放/.test(await page.textContent("body")));
  // The night is replayed at full speed; the desk is looked at until the red round is there.
  await page.waitForFunction(() => /天文台/.test(document.body.innerText), null, { timeout: 120_000, polling: 1000 }).catch(async () => {
    await page.reload();
  });
  for (let i = 0; i < 60 && (await page.locator('a[href*="/rounds/"]').count()) === 0; i += 1) {
    await page.waitForTimeout(1000);
    await page.reload();
  }
  holds("signals stand under their issuer", /香港天文台/.test(await page.textContent("body")));
  holds("what is invented says so", /演示编造/.test(await page.textContent("body")));
  await page.screenshot({ path: join(shots, "desk-1366.png") });
  await page.locator('a[href*="/rounds/"]').first().click();
  await page.waitForLoadState("domcontentloaded");
  holds("a round opens from the desk", page.url().includes("/rounds/"), page.url());
  await page.screenshot({ path: join(shots, "round-1366.png") });
  for (const path of ["stations", "alarms", "people"]) {
    const answer = await page.goto(`${url}${path}`);
    holds(`/${path} opens`, answer.status() === 200 || answer.status() === 403, `${answer.status()}`);
  }
  const phone = await browser.newContext({ locale: "zh-CN", viewport: { width: 360, height: 740 }, storageState: await context.storageState() });
  const small = await phone.newPage();
  await small.goto(url);
  const width = await small.evaluate(() => document.documentElement.scrollWidth);
  holds("the desk fits 360 pixels", width <= 361, `${width}`);
  await small.screenshot({ path: join(shots, "desk-360.png") });
  const stranger = await small.goto(`${url}a/AAAAAAAAAAAAAAAAAAAAAA`);
  holds("a link nobody made opens nothing", stranger.status() === 404, `${stranger.status()}`);
  holds("no script error, nothing refused by the content policy", wrong.length === 0, wrong.join("\n"));
} finally {
  await browser.close();
  demo.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, 0 failed`);
