/** @import { Recorder } from "./audio/recorder.js" */
/** @import { Performance } from "./midi/performance.js" */
/** @import { Room } from "./room.js" */
import { now } from "./clock.js";
import { closeOnBackdrop, element } from "./dom.js";
import { t } from "./language.js";
import { BadFile, readMidi, writeMidi } from "./midi/file.js";
import { OWN } from "./piano/player.js";

/**
 * Recording what one hears, and playing MIDI files: by their dialog, and by dropping one on the page.
 *
 * @param {Recorder} recorder
 * @param {Performance} performance
 * @param {Room} room
 * @param {(text: string) => void} tell shows a line to the user
 */
export function showStudio(recorder, performance, room, tell) {
  const dialog = element("studio", HTMLDialogElement);
  const open = element("studio-open", HTMLButtonElement);
  const record = element("studio-record", HTMLButtonElement);
  const time = element("studio-time", HTMLElement);
  const saves = element("studio-saves", HTMLElement);
  const wav = element("studio-wav", HTMLButtonElement);
  let length = 0;
  let timer = 0;
  open.addEventListener("click", () => dialog.showModal());
  closeOnBackdrop(dialog);
  element("studio-close", HTMLButtonElement).addEventListener("click", () => dialog.close());

  const draw = () => {
    const recording = recorder.began !== null;
    record.textContent = recording ? t("Stop recording") : t("Record");
    record.ariaPressed = open.dataset.recording = String(recording);
    saves.hidden = recording || length === 0;
    time.textContent = clock(recorder.began !== null ? now() - recorder.began : length);
  };
  const toggle = async () => {
    clearInterval(timer);
    if (recorder.began === null) {
      await recorder.start(toggle);
      timer = setInterval(draw, 500);
    } else {
      length = recorder.stop();
      wav.disabled = recorder.wave() === null;
    }
    draw();
  };
  record.addEventListener("click", toggle);
  element("studio-midi", HTMLButtonElement).addEventListener("click", () => {
    const tracks = [...recorder.played(length)].map(([player, notes]) => {
      const name = player === OWN ? room.self?.name : room.people.get(player)?.name;
      return /** @type {const} */ ([`${name ?? "?"} ${player}`.trim(), notes]);
    });
    save(new Blob([writeMidi(new Map(tracks))], { type: "audio/midi" }), "mid");
  });
  wav.addEventListener("click", () => {
    const wave = recorder.wave();
    if (wave) save(wave, "wav");
  });

  const file = element("studio-file", HTMLInputElement);
  const bar = element("performance", HTMLElement);
  const progress = element("performance-progress", HTMLProgressElement);
  const state = element("performance-state", HTMLElement);
  /** @param {File | undefined} chosen */
  const play = async (chosen) => {
    if (!chosen) return;
    try {
      const notes = readMidi(await chosen.arrayBuffer());
      if (notes.length === 0) throw new BadFile("There are no notes in this file.");
      dialog.close();
      performance.start(notes);
      element("performance-name", HTMLElement).textContent = chosen.name;
    } catch (error) {
      if (!(error instanceof BadFile)) throw error;
      tell(t(error.message));
    }
  };
  file.addEventListener("change", () => {
    play(file.files?.[0]);
    file.value = "";
  });
  element("performance-stop", HTMLButtonElement).addEventListener("click", () => performance.stop());
  performance.on("change", () => {
    bar.hidden = !performance.playing;
    progress.max = performance.length;
    progress.value = performance.position;
    const left = performance.left ? ` · ${t("{count} notes left out", { count: performance.left })}` : "";
    state.textContent = `${clock(performance.position)} / ${clock(performance.length)}${left}`;
    if (!performance.playing && left) tell(t("{count} notes were more than may be played here.", { count: performance.left }));
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    play(event.dataTransfer?.files[0]);
  });
  draw();
}

/** @param {number} ms */
function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * @param {Blob} content
 * @param {string} kind
 */
function save(content, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = `fortepiano ${new Date().toISOString().slice(0, 16).replace(/[T:]/g, "-")}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
