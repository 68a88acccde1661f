// The panel beside the map: what a question found, or the card of one thing. It is the map in words for who cannot see it.

import { address, byMark, main, make, say, settings } from "./atlas-page.js";

const panel = byMark("panel");
const title = byMark("panel-title");
const answer = byMark("answer");
const card = byMark("card");
const status = byMark("status");
let answerTitle = "";
let asked = 0;
let closed = () => {};

function open(words, which) {
  panel.hidden = false;
  title.textContent = words;
  answer.hidden = which !== answer;
  card.hidden = which !== card;
  main.dataset.sheet = "panel";
}

/** Says it to who listens, without taking them anywhere. */
export function announce(words) {
  status.textContent = words;
}

/** Shows what a question found; `focus` takes the keyboard there. */
export function showAnswer(words, held, focus = false) {
  asked += 1;
  answerTitle = words;
  answer.replaceChildren(...held);
  open(words, answer);
  if (focus) title.focus();
}

export const showWrong = (error) => showAnswer(say("wrong"), [make("p", { class: "wrong", role: "alert" }, error.message)]);

/** Opens the card of one thing. */
export async function showCard(id, name, focus = false) {
  asked += 1;
  const mine = asked;
  card.replaceChildren(make("p", { class: "soft" }, say("reading")));
  open(name || say("card"), card);
  if (focus) title.focus();
  try {
    const got = await fetch(address(settings.urls.record, { id }), { credentials: "same-origin", headers: { accept: "text/html" } });
    const text = await got.text();
    if (mine !== asked) return;
    if (!got.ok) throw new Error(say("no_card"));
    card.innerHTML = text;
  } catch (error) {
    if (mine === asked) card.replaceChildren(make("p", { class: "wrong", role: "alert" }, error instanceof TypeError ? say("unreached") : error.message));
  }
}

/** Goes back from a card to what was found, else closes the panel. */
export function closePanel() {
  asked += 1;
  if (!card.hidden && answer.childElementCount) {
    open(answerTitle, answer);
    return;
  }
  panel.hidden = true;
  answer.replaceChildren();
  card.replaceChildren();
  main.dataset.sheet = "";
  closed();
}

export function startPanel(whenClosed) {
  closed = whenClosed;
  byMark("panel-close").addEventListener("click", closePanel);
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) closePanel();
  });
  for (const tab of main.querySelectorAll("[data-sheet-tab]")) {
    tab.addEventListener("click", () => { main.dataset.sheet = main.dataset.sheet === tab.dataset.sheetTab ? "" : tab.dataset.sheetTab; });
  }
  const tabs = () => {
    for (const tab of main.querySelectorAll("[data-sheet-tab]")) {
      tab.setAttribute("aria-expanded", `${main.dataset.sheet === tab.dataset.sheetTab}`);
      if (tab.dataset.sheetTab === "panel") tab.disabled = panel.hidden;
    }
  };
  new MutationObserver(tabs).observe(main, { attributes: true, attributeFilter: ["data-sheet"] });
  new MutationObserver(tabs).observe(panel, { attributes: true, attributeFilter: ["hidden"] });
  tabs();
}
