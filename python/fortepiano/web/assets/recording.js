import { now } from "./clock.js";
import { element, panel, press } from "./dom.js";
import { t } from "./language.js";
import { BadFile, readMidi, writeMidi } from "./midi/file.js";
import { OWN } from "./piano/player.js";

/**
 * Show the dialog that records the sound and plays MIDI files, which may also be dropped on the page.
 * @param {Recorder} recorder @param {FilePlayer} concert @param {Room} room
 * @param {(text: string) => void} notify shows a line to the user
 */
export function showRecording(recorder, concert, room, notify) {
	const dialog = panel("studio", () => {});
	const open = element("studio-open", HTMLButtonElement);
	const time = element("studio-time");
	const saves = element("studio-saves");
	let length = 0;
	let timer = 0;

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
	const record = press("studio-record", toggle);
	press("studio-midi", () => {
		const tracks = new Map();
		for (const [player, notes] of recorder.played(length)) {
			const name = player === OWN ? room.self?.name : room.people.get(player)?.name;
			tracks.set(`${name ?? "?"} ${player}`.trim(), notes);
		}
		save(new Blob([writeMidi(tracks)], { type: "audio/midi" }), "mid");
	});
	const wav = press("studio-wav", () => {
		const wave = recorder.wave();
		if (wave) save(wave, "wav");
	});

	const file = element("studio-file", HTMLInputElement);
	const bar = element("performance");
	const progress = element("performance-progress", HTMLProgressElement);
	const state = element("performance-state");
	/** @param {File | undefined} chosen */
	const play = async (chosen) => {
		if (!chosen) return;
		try {
			const notes = readMidi(await chosen.arrayBuffer());
			if (notes.length === 0) throw new BadFile("There are no notes in this file.");
			dialog.close();
			concert.start(notes);
			element("performance-name").textContent = chosen.name;
		} catch (error) {
			if (!(error instanceof BadFile)) throw error;
			notify(t(error.message));
		}
	};
	file.addEventListener("change", () => {
		play(file.files?.[0]);
		file.value = "";
	});
	press("performance-stop", () => concert.stop());
	concert.on("change", () => {
		bar.hidden = !concert.playing;
		progress.max = concert.length;
		progress.value = concert.position;
		const left = concert.left ? ` · ${t("{count} notes left out", { count: concert.left })}` : "";
		state.textContent = `${clock(concert.position)} / ${clock(concert.length)}${left}`;
		if (!concert.playing && left) notify(t("{count} notes were more than may be played here.", { count: concert.left }));
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

/** @param {Blob} content @param {string} kind */
function save(content, kind) {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(content);
	link.download = `fortepiano ${new Date().toISOString().slice(0, 16).replace(/[T:]/g, "-")}.${kind}`;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
