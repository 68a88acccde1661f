// Keys: an element with data-key="F2" is pressed (or an input focused) by that key; what a key unfolds is typed in at once.

const SETTLE = 800;
const came = Date.now();

const TEXT = 'textarea, select, input:not([type="range"]):not([type="checkbox"]):not([type="radio"])';
const isTyping = (target) => target instanceof HTMLElement && (target.isContentEditable || target.matches(TEXT));

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.key === "Escape" && isTyping(event.target) && !event.target.closest("dialog")) {
      event.target.blur();
      return;
    }
    if (isTyping(event.target) && !/^F\d+$/.test(event.key)) return;
    // A slider has its own arrows.
    if (event.target.type === "range" && event.key.startsWith("Arrow")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // While a dialog asks something, the keys are its own.
    const within = document.querySelector("dialog[open]") ?? document;
    // What the page itself has under a key goes before what stands at the head of every page.
    const under = [...within.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)];
    const marked = under.find((it) => !it.closest(".top")) ?? under[0];
    if (!marked || marked.disabled) return;
    event.preventDefault();
    // The list has moved under the finger, or the page has only just come: what stands there now is not what was meant.
    const moved = Number(marked.closest("[data-moved]")?.dataset.moved ?? 0);
    if (/^\d$/.test(key) && Date.now() - Math.max(moved, came) < SETTLE) return;
    if (isTyping(marked)) marked.focus();
    else marked.click();
    if (marked.matches("details[open] > summary")) marked.parentElement.querySelector("input, textarea, select")?.focus();
  });
}
