// What every browser journey shares: a demo of its own, a browser that talks to nobody else, and a way to say what holds.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const GUIDE = readFileSync(new URL("../docs/user-guide.zh-CN.md", import.meta.url), "utf8");
/// Where the pictures of the user guide go, when they are made anew.
const PICTURES = process.env.ANLAN_PICTURES;
export const shots = process.env.ANLAN_SHOTS ?? join(tmpdir(), "anlan-shots");
mkdirSync(shots, { recursive: true });
export const OFFICE = { width: 1366, height: 768 };
export const PHONE = { width: 360, height: 740 };
export const count = { passed: 0 };

export function holds(what, condition, seen = "") {
  if (!condition) throw new Error(`${what} ${seen}`);
  count.passed += 1;
  console.log(`  ok ${what}`);
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/// A page on its way to the next one has no answer yet.
const underWay = (error) => {
  if (!/Execution context was destroyed|page is navigating/.test(`${error}`)) throw error;
};

/// Repeats `look` until it gives something; the wait is for a condition, the limit for a broken program.
export async function until(what, look, seconds = 120) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look().catch(underWay);
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

function greeted(demo) {
  return new Promise((resolve, reject) => {
    let text = "";
    // Kept on: a demo whose output nobody reads would stop.
    demo.stdout.on("data", (piece) => {
      text += piece;
      const url = text.match(/^https?:\S+/m);
      if (!url || !text.includes("Hong Kong Observatory")) return;
      const logins = Object.fromEntries([...text.matchAll(/^ {2}(\w+) +(\S+)/gm)].map((it) => [it[1], it[2]]));
      resolve({ url: url[0], logins });
    });
    demo.on("exit", () => reject(new Error(`the demo ended: ${text}`)));
  });
}

/// Runs `body` beside a demo started with `args`, or with what `args` gives for the demo's folder; it gets {url, logins}, and
/// the demo goes with it.
export async function withDemo(binary, args, body) {
  const folder = mkdtempSync(join(tmpdir(), "anlan-e2e-"));
  const demo = spawn(binary, ["demo", "--port", `${await freePort()}`, "--data", join(folder, "data"), ...(typeof args === "function" ? args(folder) : args)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    return await body(await greeted(demo));
  } finally {
    demo.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });

/// A page whose script errors, refusals by the content policy and requests to other hosts are collected in `wrong`.
export async function open(browser, url, { viewport = OFFICE, locale = "zh-CN", ...more } = {}) {
  const context = await browser.newContext({ locale, viewport, ...more });
  const page = await context.newPage();
  const { host } = new URL(url);
  page.wrong = [];
  page.plain = more.javaScriptEnabled === false;
  page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
  page.on("pageerror", (error) => page.wrong.push(`${error}`));
  page.on("request", (request) => {
    const to = new URL(request.url());
    if (/^https?:$/.test(to.protocol) && to.host !== host) page.wrong.push(`a request left the host: ${to}`);
  });
  return page;
}

export async function login(page, url, name, password) {
  await page.goto(url);
  await page.fill("input[name=login]", name);
  await page.fill("input[name=password]", password);
  await page.press("input[name=password]", "Enter");
  await page.waitForURL((it) => !it.pathname.includes("/login"), { timeout: 20_000 });
}

/// What a person with a screen reader, a keyboard or weak eyes would stumble over (axe-core, all its rules).
async function hurdles(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0].html.slice(0, 200)} ${nodes[0].any.concat(nodes[0].all, nodes[0].none)[0]?.message ?? ""}`);
}

/// Takes a picture of the screen, which must be accessible.
export async function shot(page, name, more = {}) {
  await page.screenshot({ path: join(shots, `${name}.png`), ...more });
  const picture = `${name}.jpg`;
  if (PICTURES && GUIDE.includes(`(pictures/${picture})`)) await page.screenshot({ path: join(PICTURES, picture), type: "jpeg", quality: 80 });
  // Where script is off, the checker cannot run either.
  if (page.plain) return;
  const found = await hurdles(page);
  if (process.env.ANLAN_AXE) return found.length && console.log(`AXE ${name}\n    ${found.join("\n    ")}`);
  holds(`${name} is accessible`, found.length === 0, `\n    ${found.join("\n    ")}`);
}

/// Does something that leads to another page, and waits until that is there.
export const follow = (page, act) => Promise.all([page.waitForEvent("load"), act()]);

export const quiet = (page) => holds("no script error, nothing refused by the content policy, no request to another host", page.wrong.length === 0, page.wrong.join("\n"));

export async function fits(page, what, width = PHONE.width) {
  const seen = await page.evaluate(() => document.documentElement.scrollWidth);
  holds(`${what} fits ${width} pixels`, seen <= width + 1, `${seen}`);
}
