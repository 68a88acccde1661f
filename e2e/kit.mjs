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
  const given = typeof args === "function" ? args(folder) : args;
  // The register of a whole district is written beside a storm only where a journey looks at it.
  const register = given.includes("--district") ? [] : ["--district", "none"];
  const demo = spawn(binary, ["demo", "--port", `${await freePort()}`, "--data", join(folder, "data"), ...register, ...given], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    return await body(await greeted(demo));
  } finally {
    demo.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/// Runs `body` beside a server on an empty folder; it gets {url, binary, user}: `user` makes an account.
export async function withServer(binary, body) {
  const folder = mkdtempSync(join(tmpdir(), "anlan-e2e-"));
  const port = await freePort();
  const place = ["--data", join(folder, "data")];
  const server = spawn(binary, ["serve", "--listen", `127.0.0.1:${port}`, ...place], { stdio: ["ignore", "pipe", "inherit"] });
  const user = async (name, role, region, password) => {
    const add = spawn(binary, ["user", "add", name, "--role", role, "--name", name, ...(region ? ["--region", region] : []), ...place], { stdio: ["pipe", "ignore", "inherit"] });
    add.stdin.end(`${password}\n`);
    const [code] = await once(add, "exit");
    if (code !== 0) throw new Error(`the account ${name} was not made: ${code}`);
  };
  try {
    await new Promise((resolve, reject) => {
      let text = "";
      server.stdout.on("data", (piece) => {
        text += piece;
        if (text.includes("Anlan")) resolve();
      });
      server.on("exit", () => reject(new Error(`the server ended: ${text}`)));
    });
    const url = `http://127.0.0.1:${port}/`;
    await until("the server answers", () => fetch(url).then((it) => it.status > 0).catch(() => false), 60);
    return await body({ url, binary, user });
  } finally {
    server.kill("SIGKILL");
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

/// A zip of files as they are, without compression: [[name, bytes]…].
export function zipped(files) {
  const crcs = Uint32Array.from({ length: 256 }, (_, n) => [...Array(8)].reduce((c) => (c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1), n));
  const crc32 = (bytes) => (bytes.reduce((c, byte) => (c >>> 8) ^ crcs[(c ^ byte) & 255], 0xffffffff) ^ 0xffffffff) >>> 0;
  const [parts, entries] = [[], []];
  let at = 0;
  for (const [name, bytes] of files) {
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800, 2);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(path.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    parts.push(Buffer.from("PK\x03\x04"), common, path, bytes);
    entries.push(Buffer.from("PK\x01\x02\x14\x00"), common, tail, path);
    at += 30 + path.length + bytes.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, directory, Buffer.from("PK\x05\x06"), end]);
}
