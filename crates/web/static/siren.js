// The siren: sounds while the page shows an element with data-alarm="<id>" that nobody silenced here.
// Acknowledging removes the element; the element with data-silence quiets this window only.

const GAP = 1400;
const silenced = new Set(JSON.parse(sessionStorage.getItem("silenced") ?? "[]"));
let sound = null;
let timer = null;

const wanted = () => [...document.querySelectorAll("[data-alarm]")].some((it) => !silenced.has(it.dataset.alarm));

// Until somebody has touched the page a browser holds sound back; then the page says so.
const showMuted = () => document.body.toggleAttribute("data-muted", sound?.state === "suspended");
const wake = () => sound?.state === "suspended" && sound.resume().then(showMuted);

function beep() {
  sound ??= new AudioContext();
  showMuted();
  wake();
  const tone = sound.createOscillator();
  const volume = sound.createGain();
  const at = sound.currentTime;
  tone.frequency.setValueAtTime(660, at);
  tone.frequency.linearRampToValueAtTime(990, at + 0.5);
  volume.gain.setValueAtTime(0.25, at);
  volume.gain.setTargetAtTime(0, at + 0.5, 0.05);
  tone.connect(volume).connect(sound.destination);
  tone.start(at);
  tone.stop(at + 0.8);
}

export function checkSiren() {
  const sounding = wanted();
  document.body.toggleAttribute("data-sounding", sounding);
  if (sounding && timer === null) {
    beep();
    timer = setInterval(beep, GAP);
  } else if (!sounding && timer !== null) {
    clearInterval(timer);
    timer = null;
  }
}

export function startSiren() {
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-silence]")) return;
    document.querySelectorAll("[data-alarm]").forEach((it) => silenced.add(it.dataset.alarm));
    sessionStorage.setItem("silenced", JSON.stringify([...silenced].slice(-200)));
    checkSiren();
  });
  for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, wake);
  checkSiren();
}
