// Runs the browser journeys: `node run.mjs BINARY [NAME…]`. A journey is a file of journeys/ that exports the demo's arguments
// (`demo`), or `server` for an empty one, and what a user does (`default`). Pictures go to $ANLAN_SHOTS.
import { readdirSync } from "node:fs";
import { count, launch, withDemo, withServer } from "./kit.mjs";

const [binary, ...wanted] = process.argv.slice(2);
const all = readdirSync(new URL("journeys", import.meta.url)).map((it) => it.replace(/\.mjs$/, "")).sort();
let failed = 0;
for (const name of all.filter((it) => !wanted.length || wanted.includes(it))) {
  const journey = await import(`./journeys/${name}.mjs`);
  console.log(name);
  const browser = await launch();
  try {
    const body = (beside) => journey.default({ browser, ...beside });
    await (journey.server ? withServer(binary, body) : withDemo(binary, journey.demo, body));
  } catch (error) {
    failed += 1;
    console.log(`  FAILED ${error.stack}`);
  } finally {
    await browser.close();
  }
}
console.log(`${count.passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
