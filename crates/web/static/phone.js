// The warden's page works without this file. With it the transfer numbers have + and − buttons that keep
// adding up: a tap takes a person from 未转 or gives one back to it.
const whole = (input) => Math.max(0, Number.parseInt(input.value, 10) || 0);

for (const form of document.querySelectorAll("[data-transfer]")) {
  const at = (name) => form.elements[name];
  const rest = () => whole(at("moved")) + whole(at("refused")) + whole(at("lost"));
  const sum = form.querySelector(".sum");
  const words = sum.textContent;

  const show = () => {
    const [due, all] = [whole(at("due")), rest() + whole(at("not_yet"))];
    sum.classList.toggle("off", due !== all);
    sum.textContent = due === all ? words : `${words}：${due} ≠ ${all}`;
  };

  const step = (name, by) => {
    const input = at(name);
    const next = whole(input) + by;
    if (next < 0) return;
    input.value = next;
    if (name === "due") at("not_yet").value = Math.max(0, next - rest());
    else if (name !== "not_yet") at("not_yet").value = Math.max(0, whole(at("not_yet")) - by);
    // Nobody was left to take from, or somebody more has to leave.
    at("due").value = Math.max(name === "due" ? next : 0, rest() + whole(at("not_yet")));
    show();
  };

  for (const label of form.querySelectorAll(".count")) {
    const input = label.querySelector("input");
    for (const [by, text] of [[-1, "−"], [1, "+"]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "step";
      button.textContent = text;
      button.setAttribute("aria-label", `${label.querySelector("span").textContent} ${text}1`);
      button.addEventListener("click", () => step(input.name, by));
      if (by < 0) input.before(button);
      else input.after(button);
    }
    input.addEventListener("input", show);
  }
  show();
}

// A tap on a bad line is sent once; the page may be sent again by hand, which changes nothing.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent !== undefined) event.preventDefault();
  event.target.dataset.sent = "";
  setTimeout(() => delete event.target.dataset.sent, 4000);
});
