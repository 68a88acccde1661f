// The box in the head of every page: answers while one types, chosen by arrow keys and Enter. Without it the form asks /find.

const PAUSE = 150;
const MOST = 8;

export function startFind() {
  const form = document.querySelector("form[data-find]");
  if (!form) return;
  const box = form.elements.q;
  const list = form.querySelector("ul");
  let timer = 0;
  let asking = null;

  const options = () => [...list.querySelectorAll("a")];
  const chosen = () => options().findIndex((it) => it.getAttribute("aria-selected") === "true");

  function close() {
    clearTimeout(timer);
    asking?.abort();
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }

  function choose(index) {
    options().forEach((it, i) => it.setAttribute("aria-selected", String(i === index)));
    const option = options()[index];
    option?.scrollIntoView({ block: "nearest" });
    if (option) box.setAttribute("aria-activedescendant", option.id);
    else box.removeAttribute("aria-activedescendant");
  }

  function line(answer, index) {
    const link = document.createElement("a");
    link.href = answer.url;
    link.id = `found-${index}`;
    link.setAttribute("role", "option");
    link.setAttribute("aria-selected", "false");
    link.tabIndex = -1;
    for (const [tag, words, look] of [["b", answer.title, ""], ["span", answer.kind_name, "tag"], ["span", answer.detail, "small soft"]]) {
      const part = document.createElement(tag);
      part.textContent = words;
      part.className = look;
      link.append(part);
    }
    const item = document.createElement("li");
    item.setAttribute("role", "presentation");
    item.append(link);
    return item;
  }

  function show(answers) {
    list.replaceChildren(...answers.map(line));
    list.hidden = answers.length === 0;
    box.setAttribute("aria-expanded", String(!list.hidden));
    box.removeAttribute("aria-activedescendant");
  }

  async function ask() {
    asking?.abort();
    const words = box.value.trim();
    if (!words) return close();
    const mine = new AbortController();
    asking = mine;
    try {
      const url = `${form.dataset.find}?limit=${MOST}&q=${encodeURIComponent(words)}`;
      const answer = await fetch(url, { signal: mine.signal, headers: { accept: "application/json" } });
      const items = answer.ok ? (await answer.json()).items : [];
      if (asking === mine && document.activeElement === box) show(items);
    } catch {
      // A newer question took its place, or the server is away: Enter asks for the page.
    }
  }

  box.addEventListener("input", (event) => {
    // While an input method composes, the letters are not yet what is meant.
    if (event.isComposing) return;
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  box.addEventListener("compositionend", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const count = options().length;
    if (event.key === "Escape") close();
    if (list.hidden || !count) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      // One place before the first is the box itself.
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(((chosen() + 1 + step + count + 1) % (count + 1)) - 1);
    } else if (event.key === "Enter" && chosen() >= 0) {
      event.preventDefault();
      location.assign(options()[chosen()].href);
    }
  });
  form.addEventListener("focusout", (event) => {
    if (!form.contains(event.relatedTarget)) close();
  });
  // A press on an answer leaves the focus where it is, so that the list does not close under the finger.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  form.addEventListener("submit", close);
}
