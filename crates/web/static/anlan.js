// Every page loads this one; each module looks for its own marks and does nothing without them.
import { startActions } from "./actions.js";
import { startClock } from "./clock.js";
import { startFind } from "./find.js";
import { startForms } from "./forms.js";
import { startGuide } from "./guide.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startSiren } from "./siren.js";

startActions();
startClock();
startFind();
startForms();
startGuide();
startKeys();
startSiren();
startLive();

for (const link of document.querySelectorAll(".top nav a")) {
  if (new URL(link.href).pathname === location.pathname) link.setAttribute("aria-current", "page");
}
