// The waiting telephone of a visitor: asks every second, rings until it is answered or nobody calls any more.
const main = document.querySelector("[data-visit]");
const call = document.getElementById("call");
const sound = document.getElementById("sound");
const waiting = document.getElementById("waiting");
const AGAIN = 2000;
let audio = null;
let ringing = null;

function ring() {
  navigator.vibrate?.([400, 200, 400]);
  if (audio?.state !== "running") return;
  const volume = audio.createGain();
  volume.connect(audio.destination);
  const at = audio.currentTime;
  volume.gain.setValueAtTime(0.2, at);
  volume.gain.setTargetAtTime(0, at + 1, 0.05);
  for (const pitch of [440, 480]) {
    const tone = audio.createOscillator();
    tone.frequency.value = pitch;
    tone.connect(volume);
    tone.start(at);
    tone.stop(at + 1.2);
  }
}

function show({ ringing: now, link }) {
  call.hidden = !now;
  waiting.hidden = now;
  document.title = document.title.replace(/^☎ /, "");
  if (now) {
    call.href = link;
    document.title = `☎ ${document.title}`;
    main.dataset.ringing = "";
  } else delete main.dataset.ringing;
  if (now && ringing === null) {
    ring();
    ringing = setInterval(ring, AGAIN);
  } else if (!now && ringing !== null) {
    clearInterval(ringing);
    ringing = null;
  }
}

async function ask() {
  try {
    const answer = await fetch(main.dataset.visit, { cache: "no-store" });
    if (answer.ok) show(await answer.json());
  } catch {
    // Asked again in a second.
  }
  setTimeout(ask, 1000);
}

sound.hidden = false;
sound.addEventListener("click", () => {
  audio ??= new AudioContext();
  audio.resume();
  sound.hidden = true;
});
ask();
