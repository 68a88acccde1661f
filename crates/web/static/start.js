// The roster's page: drop a file anywhere on its zone, see how far it is; a changed column is looked at at once.

const zone = document.querySelector("form[data-drop]");

function send(form) {
  const [bar, said] = [form.querySelector("progress"), form.querySelector("[data-said]")];
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "text/html");
  bar.hidden = false;
  form.classList.add("busy");
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
  };
  const failed = (words) => {
    bar.hidden = true;
    form.classList.remove("busy");
    said.className = "wrong";
    said.textContent = words;
  };
  request.onload = () => {
    if (request.status < 400) {
      location.assign(request.responseURL);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    failed((page.querySelector("[data-said] .wrong, .wrong, main p") ?? page.body).textContent.trim());
  };
  request.onerror = () => failed(document.body.dataset.lang === "en" ? "The upload broke off; try again." : "上传中断，请再试一次。");
  request.send(new FormData(form));
}

if (zone) {
  const file = zone.querySelector("input[type=file]");
  const over = (on) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", on);
  };
  zone.addEventListener("dragenter", over(true));
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    if (!event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    send(zone);
  });
  // A sheet that misses the zone must not open in place of the page.
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
  file.addEventListener("change", () => file.files.length && send(zone));
  zone.addEventListener("submit", (event) => {
    event.preventDefault();
    if (file.files.length) send(zone);
  });
}

for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", (event) => {
    if (event.target.matches("select")) form.requestSubmit();
  });
}

for (const link of document.querySelectorAll("a[data-opens]")) {
  link.addEventListener("click", () => {
    const list = document.getElementById(link.dataset.opens);
    if (list) list.open = true;
  });
}
