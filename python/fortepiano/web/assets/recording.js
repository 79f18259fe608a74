import { now } from "./clock.js";
import { element, panel, press } from "./dom.js";
import { t } from "./language.js";
import { FileFault, MISSING, writeMidi } from "./midi/files.js";
import { OWN } from "./piano/player.js";

/**
 * Show the dialog that records notes and sound, and saves them.
 * @param {Recorder} recorder @param {Room} room
 * @param {(text: string) => void} notify shows a line to the user
 */
export function showRecording(recorder, room, notify) {
	panel("studio", () => {});
	const open = element("studio-open", HTMLButtonElement);
	const time = element("studio-time");
	const saves = element("studio-saves");
	let length = 0;
	let timer = 0;
	let starting = false;

	const draw = () => {
		const recording = recorder.began !== null;
		record.textContent = recording ? t("Stop recording") : t("Record");
		record.ariaPressed = open.dataset.recording = String(recording);
		saves.hidden = recording || length === 0;
		time.textContent = inMinutes(recorder.began !== null ? now() - recorder.began : length);
	};
	const start = async () => {
		starting = true;
		await recorder.start(() => stop());
		starting = false;
		if (!recorder.sounds) notify(t("The sound cannot be recorded now, only the notes."));
		timer = setInterval(draw, 500);
		draw();
	};
	const stop = () => {
		clearInterval(timer);
		length = recorder.stop();
		wav.disabled = recorder.wave() === null;
		draw();
	};
	const record = element("studio-record", HTMLButtonElement);
	record.addEventListener("click", ({ detail }) => {
		// The second click of a double one means the same as the first.
		if (starting || detail > 1) return;
		if (recorder.began !== null) stop();
		else start();
	});
	const midi = press("studio-midi", async () => {
		const nameOf = (/** @type {string} */ player) => {
			const name = player === OWN ? room.self?.name : room.people.get(player)?.name;
			return `${name ?? "?"} ${player}`.trim();
		};
		midi.disabled = true;
		try {
			save(new Blob([await writeMidi(recorder.recording(length, nameOf))], { type: "audio/midi" }), "mid");
		} catch (error) {
			if (!(error instanceof FileFault)) throw error;
			notify(t(error.message));
		} finally {
			midi.disabled = false;
		}
	});
	midi.disabled = MISSING !== "";
	const wav = press("studio-wav", () => {
		const wave = recorder.wave();
		if (wave) save(wave, "wav");
	});
	draw();
}

/** Return a time as minutes and seconds. @param {number} ms */
export function inMinutes(ms) {
	const seconds = Math.floor(ms / 1000);
	return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** @param {Blob} content @param {string} kind */
function save(content, kind) {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(content);
	link.download = `fortepiano ${new Date().toISOString().slice(0, 16).replace(/[T:]/g, "-")}.${kind}`;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
