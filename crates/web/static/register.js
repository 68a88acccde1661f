// The register: conditions with their counts, the drawer beside a list, selected rows, boxes that suggest, and looks at
// personal data. Everything works without it, but for counts, drawer and suggestions.

const WAIT = 200;
const english = document.body.dataset.lang === "en";
const say = (zh, en) => (english ? en : zh);

const ask = async (address, options = {}) => {
  const answer = await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
  const json = answer.headers.get("content-type")?.includes("json") ? await answer.json() : null;
  if (!answer.ok) throw new Error(json?.detail ?? say("没有完成，请再试一次", "that did not work; try again"));
  return json ?? answer;
};

// Conditions ---------------------------------------------------------------------------------------------------------

const filter = document.getElementById("filter");

async function count(chip) {
  const box = chip.querySelector("[data-choices-of]");
  if (!box || box.dataset.counted !== undefined) return;
  box.dataset.counted = "";
  const query = new URLSearchParams([...new FormData(filter)].filter(([, value]) => value));
  query.set("field", box.dataset.choicesOf);
  const { items } = await ask(`${filter.dataset.choices}?${query}`);
  for (const { value, words, count: number } of items) {
    let figure = box.querySelector(`[data-count="${CSS.escape(value)}"]`);
    if (!figure) {
      const label = document.createElement("label");
      label.className = "check";
      const input = Object.assign(document.createElement("input"), { type: "checkbox", name: `f.${box.dataset.choicesOf}`, value });
      figure = document.createElement("span");
      figure.className = "num soft";
      figure.dataset.count = value;
      label.append(input, words, figure);
      box.append(label);
    }
    figure.textContent = number;
  }
}

function startFilter() {
  if (filter) {
    filter.addEventListener("toggle", (event) => event.target.open && count(event.target).catch(() => {}), true);
    filter.addEventListener("input", ({ target }) => {
      const box = target.dataset.narrows && filter.querySelector(`[data-choices-of="${target.dataset.narrows}"]`);
      for (const label of box?.children ?? []) label.hidden = !label.textContent.includes(target.value.trim());
    });
  }
  document.addEventListener("change", ({ target }) => {
    if (target.matches?.("[data-auto], [data-auto] select") && target.form) target.form.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.chip[open]")) if (!open.contains(event.target)) open.open = false;
  });
}

// Empty boxes do not stand in the address; ids of several boxes stand in one condition.
function tidy(event) {
  const form = event.target;
  if (form.method !== "get") return;
  for (const input of form.elements) if (input.name && !input.value) input.disabled = true;
  setTimeout(() => [...form.elements].forEach((it) => (it.disabled = false)), 0);
}

// The drawer and the rows --------------------------------------------------------------------------------------------

const rows = document.querySelector("[data-rows]");
const drawer = document.getElementById("drawer");
let at = -1;

const all = () => [...rows.querySelectorAll("tr[data-record]")];

async function open(row) {
  const { record } = row.dataset;
  const answer = await ask(`${document.body.dataset.base}/records/${encodeURIComponent(record)}/drawer`, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  drawer.replaceChildren(...page.body.childNodes);
  drawer.hidden = false;
  drawer.closest(".with-drawer").classList.add("open");
}

function shut() {
  drawer.hidden = true;
  drawer.closest(".with-drawer").classList.remove("open");
  all()[at]?.querySelector("a")?.focus();
}

function go(to) {
  const lines = all();
  at = Math.max(0, Math.min(lines.length - 1, to));
  for (const [place, row] of lines.entries()) row.classList.toggle("on", place === at);
  lines[at]?.scrollIntoView({ block: "nearest" });
  if (!drawer.hidden && lines[at]) open(lines[at]).catch(() => {});
}

function keys(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.target.closest?.("input, select, textarea, summary, .panel, dialog") && event.key !== "Escape") return;
  if (event.key === "Escape") {
    const panel = document.querySelector("details.chip[open]");
    if (panel) panel.open = false;
    else if (!drawer.hidden) shut();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
  if (step) {
    event.preventDefault();
    go(at + step);
  } else if (event.key === "Enter" && at >= 0 && !event.target.closest?.("a, button")) {
    event.preventDefault();
    if (drawer.hidden) open(all()[at]).catch(() => {});
    else location.assign(all()[at].querySelector("a").href);
  }
}

function startRows() {
  const form = document.getElementById("batch");
  const chosen = () => form.querySelectorAll('input[name="id"]:checked').length;
  const tell = () => (form.querySelector("[data-selected]").textContent = chosen());
  form.addEventListener("change", ({ target }) => {
    if (target.matches("[data-all]")) for (const box of form.querySelectorAll('input[name="id"]')) box.checked = target.checked;
    tell();
  });
  tell();
  rows.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-record]");
    if (!row || event.target.closest("a, input, label")) return;
    go(all().indexOf(row));
    open(row).catch(() => {});
  });
  drawer.addEventListener("click", (event) => event.target.closest("[data-shut]") && shut());
  document.addEventListener("keydown", keys);
}

// Boxes that suggest -------------------------------------------------------------------------------------------------

function suggest(input) {
  const form = input.form;
  const { pick, many } = input.dataset;
  const own = (prefix) => form.elements[`${prefix}.${input.name.replace(/^f\./, "")}`];
  let timer = null;
  let list = null;
  let place = -1;
  const close = () => {
    list?.remove();
    [list, place] = [null, -1];
  };
  const parts = () => input.value.split(/[；;、]/);
  const choose = (hit) => {
    const id = hit.subject.replace(/^(region|organisation):/, "");
    if (pick === "region") input.value = id;
    else if (many === undefined) {
      input.value = hit.title;
      own("ref").value = id;
      own("shown").value = input.value;
    } else {
      const kept = own("shown").value && input.value.startsWith(own("shown").value) ? own("ref").value : "";
      input.value = [...parts().slice(0, -1), hit.title].join("；");
      if (kept || parts().length === 1) {
        own("ref").value = [kept, id].filter(Boolean).join("；");
        own("shown").value = input.value;
      }
    }
    close();
  };
  const show = (items) => {
    close();
    if (!items.length) return;
    list = document.createElement("ul");
    list.className = "suggestions";
    for (const hit of items) {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.append(hit.title);
      const soft = Object.assign(document.createElement("span"), { className: "small soft", textContent: ` ${hit.detail}` });
      button.append(soft);
      button.addEventListener("mousedown", (event) => {
        event.preventDefault();
        choose(hit);
      });
      const line = document.createElement("li");
      line.append(button);
      list.append(line);
    }
    input.after(list);
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    const text = parts().pop().trim();
    if (!text) return close();
    timer = setTimeout(async () => {
      const query = new URLSearchParams({ q: text, kinds: pick, limit: 8 });
      const { items } = await ask(`${form.dataset.find}?${query}`).catch(() => ({ items: [] }));
      if (parts().pop().trim() === text) show(items);
    }, WAIT);
  });
  input.addEventListener("keydown", (event) => {
    const buttons = list ? [...list.querySelectorAll("button")] : [];
    if (!buttons.length) return;
    if (event.key === "Escape") close();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      place = (place + step + buttons.length) % buttons.length;
      buttons.forEach((it, i) => it.classList.toggle("on", i === place));
    } else if (event.key === "Enter" && place >= 0) {
      event.preventDefault();
      buttons[place].dispatchEvent(new MouseEvent("mousedown", { cancelable: true }));
    }
  });
  input.addEventListener("blur", close);
}

// Looks at personal data, and one's own position ---------------------------------------------------------------------

const plain = (value) => (Array.isArray(value) ? value.join("、") : String(value));

async function unmask(button) {
  const said = button.parentElement.querySelector("[data-said]");
  button.disabled = true;
  try {
    const { fields } = await ask(button.dataset.unmask, { method: "POST" });
    const within = button.closest(".drawer, main");
    for (const [id, value] of Object.entries(fields)) {
      for (const place of within.querySelectorAll(`[data-masked="${CSS.escape(id)}"]`)) place.textContent = plain(value);
    }
    button.hidden = true;
  } catch (error) {
    said.textContent = error.message;
    button.disabled = false;
  }
}

function startHere() {
  for (const button of document.querySelectorAll("[data-here-is]")) {
    if (!navigator.geolocation || !window.isSecureContext) continue;
    button.hidden = false;
    button.addEventListener("click", () => navigator.geolocation.getCurrentPosition(({ coords }) => {
      button.form.elements.longitude.value = coords.longitude.toFixed(6);
      button.form.elements.latitude.value = coords.latitude.toFixed(6);
    }));
  }
}

startFilter();
startHere();
if (rows && drawer) startRows();
document.addEventListener("submit", tidy);
for (const input of document.querySelectorAll("[data-pick]")) suggest(input);
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-unmask]");
  if (button) unmask(button);
});
