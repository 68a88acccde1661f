// A department adds its line of business the same day: a pack is uploaded and put in force, its sheet dropped, mended and
// dropped again, found in the one box, on the map and on its card, and the import undone.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { PHONE, fits, follow, holds, login, open, quiet, shot, until, zipped } from "../kit.mjs";

export const server = true;

const PASSWORD = "a long enough passphrase 7";
const REGIONS = "code,name,level,parent\n440303,罗湖区,3,\n440303001,桂园街道,4,440303\n440303002,黄贝街道,4,440303\n";
const PACK = new URL("../../crates/anlan/tests/data/packs/special-equipment/", import.meta.url).pathname;
/// Two titles nobody wrote down that way, one bad code, one bad date.
const SHEET = `罗湖区电梯台账,,,,,,,
设备代码,名称,设备品种,风险等级,检验有效期至,所属街道,经度,纬度
LIFT000001,示例大厦一号梯,乘客电梯,1,2027年5月1日,桂园街道,114.1070,22.5420
LIFT000002,示例大厦二号梯,乘客电梯,2,2026/12/1,桂园街道,114.1072,22.5421
短,示例大厦三号梯,乘客电梯,3,2027-01-01,桂园街道,114.1074,22.5422
LIFT000004,示例商场扶梯,乘客电梯,3,五月,黄贝街道,114.1300,22.5500
`;

function files(folder, prefix = "") {
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((it) =>
    it.isDirectory() ? files(folder, `${prefix}${it.name}/`) : [[`${prefix}${it.name}`, readFileSync(join(folder, prefix, it.name))]],
  );
}

const number = (page, words) => page.locator(".tile", { hasText: words }).locator("b").first().textContent().then(Number);

async function drop(page, text) {
  await follow(page, () => page.setInputFiles("form[data-drop] input[type=file]", { name: "电梯.csv", mimeType: "text/csv", buffer: Buffer.from(text) }));
}

/// Waits until the file was looked at; says in which datum the places stand where that is asked.
async function looked(page) {
  const done = () => until("the file is looked at", async () => !(await page.locator("[data-while=looking]").count()));
  await done();
  if (!(await page.locator("text=不能确定坐标系").count())) return;
  await page.selectOption("select[name=datum]", { index: 1 });
  const again = page.locator("button", { hasText: "按此重新核对" }).first();
  if (await again.count()) await follow(page, () => again.click()).catch(() => {});
  await until("the datum is settled", async () => !(await page.locator("text=不能确定坐标系").count()));
  await done();
}

export default async function ({ browser, url, user }) {
  await user("keeper", "register_keeper", "440303", PASSWORD);
  await user("street", "street_officer", "440303002", PASSWORD);
  await user("system", "system_admin", null, PASSWORD);

  const page = await open(browser, url);
  await login(page, url, "keeper", PASSWORD);
  const taken = await page.evaluate(async (csv) => (await fetch("/api/v1/import/regions", { method: "POST", headers: { "content-type": "text/csv" }, body: csv })).status, REGIONS);
  holds("the streets are there", taken === 200, `${taken}`);

  const admin = await open(browser, url);
  await login(admin, url, "system", PASSWORD);
  await admin.goto(`${url}packs`);
  await shot(admin, "packs-1366");
  await admin.setInputFiles("input[type=file]", { name: "special-equipment.zip", mimeType: "application/zip", buffer: zipped(files(PACK)) });
  await follow(admin, () => admin.click("button[type=submit]:has-text('上传并检查')"));
  holds("what would change is shown before", /elevator/.test(await admin.textContent("main")));
  await shot(admin, "pack-1366");
  await follow(admin, () => admin.click("button.main"));
  quiet(admin);

  await page.goto(`${url}register`);
  holds("the new kind stands in the register without a restart", /电梯/.test(await page.textContent("main")));
  await shot(page, "register-1366");
  await page.goto(`${url}register/elevator/import`);
  await drop(page, SHEET);
  await looked(page);
  holds("two rows are new, two are to be mended", (await number(page, "新增")) === 2 && (await number(page, "需修改")) === 2, await page.textContent("main"));
  holds("a reason names the field", /设备代码/.test(await page.textContent("main")));
  await shot(page, "import-1366");
  await follow(page, () => page.click("button.main"));
  await until("the import is done", async () => (await page.locator("[data-while]").count()) === 0);
  await shot(page, "imported-1366");

  await page.goto(`${url}register/elevator/import`);
  await drop(page, SHEET.replace("短,", "LIFT000003,").replace("五月", "2027-05-01"));
  await looked(page);
  holds("the mended rows are new, the others stand", (await number(page, "新增")) === 2 && (await number(page, "需修改")) === 0, await page.textContent("main"));
  await follow(page, () => page.click("button.main"));
  await until("the second import is done", async () => (await page.locator("[data-while]").count()) === 0);
  const second = page.url();

  await page.goto(`${url}register/elevator`);
  holds("the list holds all four", (await page.locator("tbody tr").count()) === 4, await page.textContent("main"));
  await shot(page, "register-list-1366");
  await page.goto(`${url}find?q=sldsyht`);
  holds("initials find it in the one box", /示例大厦一号梯/.test(await page.textContent("main")), await page.textContent("main"));
  const layers = await page.evaluate(async () => (await (await fetch("/api/v1/map/layers")).json()).groups.flatMap((it) => it.layers));
  holds("it is a layer of the map", layers.some((it) => it.id === "elevator" && it.count === 4), JSON.stringify(layers));

  const street = await open(browser, url, { viewport: PHONE });
  await login(street, url, "street", PASSWORD);
  await street.goto(`${url}register/elevator`);
  holds("a street sees its own only", (await street.locator("tbody tr").count()) === 1, await street.textContent("main"));
  await fits(street, "the list");
  await shot(street, "register-list-360");

  page.once("dialog", (it) => it.accept());
  await page.goto(second);
  await shot(page, "import-undo-1366");
  await follow(page, () => page.click("form[action$='/undo'] button"));
  await page.goto(`${url}register/elevator`);
  holds("the import is undone as a whole", (await page.locator("tbody tr").count()) === 2, await page.textContent("main"));
  quiet(page);
  quiet(street);
}
