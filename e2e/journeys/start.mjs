// A fresh server: the keeper's log-in leads to the first page, a roster is dropped as it is, a column mended, taken, and a
// few people are rung for a test by a simulated carrier until each has a final state.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PHONE, fits, follow, holds, login, open, quiet, shot, until } from "../kit.mjs";

export const server = true;

const PASSWORD = "a long enough passphrase 7";
const SECRET = "start-journey";

/// Two rows of titles below a title line; what the people do stands under a title nobody knows.
const SHEET = `\ufeff罗湖区2024年防汛责任人名册,,,,,,,,,,,
序号,所在区域,,第一责任人,,,,副职（B岗）,,,管什么,备注
,街道,社区,姓名,职务,单位,手机号码,姓名,职务,手机号码,,
1,桂园街道,老围社区,张三,主任,老围社区居委会,15400000001,李四,副主任,15400000002,防汛责任人,
2,桂园街道,鹿丹村社区,王五,主任,鹿丹村社区居委会,15400000003,赵六,副主任,15400000004,防汛责任人,
3,桂园街道,月亮社区,钱七,主任,月亮社区居委会,15400000005,,,,防汛责任人,
4,黄贝街道,,孙八,主任,,15400000006,,,,防汛责任人,
合计,4,,,,,,,,,,
填表人：周九,,,,,,,,,,,
`;
/// Everybody takes the call at once and hears it; nothing goes wrong on the way.
const CARRIER = {
  voice: { answers: 1, busy: 0, rejects: 0, drops: 0, dial_ms: [200, 300], ring_ms: [300, 500], talk_ms: [500, 700], key_ms: [100, 200], after_key_ms: [100, 200] },
  faults: { refused: 0, silent: 0, forged: 0, doubled: 0, late: 0, overtaken: 0, too_many: 0, unavailable: 0, answer_lost: 0, lag_ms: [0, 10] },
  scripted: { 15400000001: "answers:1", 15400000002: "answers:1" },
};

/// A simulated carrier beside the program; it ends with its standard input.
async function carrier(binary, callback) {
  const folder = mkdtempSync(join(tmpdir(), "anlan-carrier-"));
  const file = join(folder, "carrier.json");
  writeFileSync(file, JSON.stringify(CARRIER));
  const process = spawn(join(dirname(binary), "anlan-carrier"), ["--config", file, "--secret", SECRET, "--callback", callback, "--until-stdin-closes"], { stdio: ["pipe", "pipe", "inherit"] });
  const [first] = await once(process.stdout, "data");
  const { url } = JSON.parse(`${first}`.split("\n")[0]);
  return { url, stop: () => (process.kill("SIGKILL"), rmSync(folder, { recursive: true, force: true })) };
}

/// Lets go of a file over the drop zone.
async function drop(page, name, text) {
  const carried = await page.evaluateHandle(
    ([name, text]) => {
      const data = new DataTransfer();
      data.items.add(new File([text], name, { type: "text/csv" }));
      return data;
    },
    [name, text],
  );
  await follow(page, () => page.dispatchEvent("form[data-drop]", "drop", { dataTransfer: carried }));
}

const tile = (page, words) => page.locator(".tile", { hasText: words }).locator("b").first().textContent().then(Number);

export default async function ({ browser, url, binary, user }) {
  await user("keeper", "register_keeper", "440303", PASSWORD);
  await user("system", "system_admin", null, PASSWORD);
  const machine = await carrier(binary, `${url}api/v1/receipts/sim`);
  try {
    const admin = await open(browser, url);
    await login(admin, url, "system", PASSWORD);
    const set = await admin.evaluate(
      async ([to, secret]) => {
        const body = JSON.stringify({ url: to, rate: 0, area_rate: 0, batch: 50, max_tries: 3, enabled: true, secret });
        return (await fetch("/api/v1/gateways/sim", { method: "PUT", headers: { "content-type": "application/json" }, body })).status;
      },
      [machine.url, SECRET],
    );
    holds("the gateway is set", set === 200, `${set}`);

    const page = await open(browser, url);
    await login(page, url, "keeper", PASSWORD);
    await page.waitForURL(/\/start$/);
    holds("the keeper of an empty register begins with the roster", /拖进一张/.test(await page.textContent("h1")));
    await shot(page, "start-1366");

    await drop(page, "名册.xls", "\u00d0\u00cf".padEnd(64)).catch(() => {});
    await page.goto(`${url}start`);
    const begun = Date.now();
    await drop(page, "防汛责任人名册.csv", SHEET);
    await page.waitForURL(/\/start\/[0-9a-f]+/);
    console.log(`  (looked at in ${Date.now() - begun} ms)`);
    holds("what a total and a footer are is known", /跳过 2 行/.test(await page.textContent("main")));
    holds("a community nobody knows is asked for", /月亮社区/.test(await page.textContent(".unclear")));
    await shot(page, "start-look-1366", { fullPage: true });

    // The list of columns is folded while everything needed is known.
    await page.locator("details", { hasText: "各列识别为什么" }).first().evaluate((it) => (it.open = true));
    const unknown = page.locator("tr", { hasText: "管什么" }).locator("select");
    holds("the column with a title of its own is not taken", (await unknown.inputValue()) === "");
    await follow(page, () => unknown.selectOption("duty"));
    await page.locator("details", { hasText: "各列识别为什么" }).first().evaluate((it) => (it.open = true));
    holds("the choice is kept", (await page.locator("tr", { hasText: "管什么" }).locator("select").inputValue()) === "duty");
    await page.locator(".unclear select").selectOption("new");
    await follow(page, () => page.locator(".unclear button").click());
    holds("the name is mended", (await page.locator(".unclear").count()) === 0);
    holds("the people are counted", (await tile(page, "人")) === 6, `${await tile(page, "人")}`);
    await page.locator("a.tile", { hasText: "无人负责" }).click();
    await until("the list behind the number", () => page.locator("#nobody").evaluate((it) => it.open));
    await shot(page, "start-glance-1366", { fullPage: true });

    await follow(page, () => page.locator("form[action$='/take'] button").click());
    holds("the roster is taken", /6 人、6 个岗位/.test(await page.textContent("main")), await page.textContent("main"));
    await shot(page, "start-taken-1366");
    await follow(page, () => page.locator("a[href$='/tests/new']").click());
    for (const name of ["张三", "李四"]) await page.locator("tr", { hasText: name }).locator("input[type=checkbox]").check();
    await shot(page, "start-test-1366");
    page.on("dialog", (it) => it.accept());
    await follow(page, () => page.locator("main button.main").click());
    await page.waitForURL(/\/tests\/test-/);
    await until(
      "each has a final state",
      async () => {
        await page.reload();
        return /已完成/.test(await page.textContent("h1"));
      },
      120,
    );
    holds("two were rung, and both were reached", (await tile(page, "已通")) === 2, await page.textContent("main"));
    holds("it says that it was a test", /【演练】/.test(await page.textContent("h1")));
    await shot(page, "start-outcome-1366");
    await page.goto(url);
    holds("the desk knows nothing of it", !/叫应开始|test-/.test(await page.textContent("body")));

    await page.goto(`${url}start`);
    await drop(page, "下月.csv", SHEET);
    await page.waitForURL(/\/start\/[0-9a-f]+/);
    await page.locator("details", { hasText: "各列识别为什么" }).first().evaluate((it) => (it.open = true));
    holds("next month the sheet is matched by itself", (await page.locator("tr", { hasText: "管什么" }).locator("select").inputValue()) === "duty");
    holds("and nothing changes", /不变/.test(await page.textContent("main")));
    const wrong = page.wrong.filter((it) => !/status of 400/.test(it));
    holds("no script error, nothing refused by the content policy", wrong.length === 0, wrong.join("\n"));

    const small = await open(browser, url, { viewport: PHONE, storageState: await page.context().storageState() });
    await small.goto(page.url());
    await fits(small, "the roster");
    await small.goto(`${url}start`);
    await fits(small, "the first page");
    await shot(small, "start-360");
    quiet(small);

    const plain = await open(browser, url, { javaScriptEnabled: false, storageState: await page.context().storageState() });
    await plain.goto(`${url}start`);
    await plain.setInputFiles("input[type=file]", { name: "a.csv", mimeType: "text/csv", buffer: Buffer.from(SHEET) });
    await follow(plain, () => plain.locator("form.drop button").click());
    holds("a file is sent without script", /\/start\/[0-9a-f]+/.test(plain.url()));
  } finally {
    machine.stop();
  }
}
