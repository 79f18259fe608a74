import { element, press } from "./dom.js";
import { t } from "./language.js";
import { FileFault, MISSING, readMidi } from "./midi/files.js";
import { inMinutes } from "./recording.js";

/**
 * Show the field for MIDI files, which may also be dropped on the page, and the bar of the file that is played.
 * @param {FilePlayer} player @param {(text: string) => void} notify shows a line to the user
 */
export function showFilePlayer(player, notify) {
	const bar = new Bar(player);
	const dialog = element("studio", HTMLDialogElement);
	/** Ends the reading of the last chosen file. @type {AbortController | null} */
	let reading = null;
	/** @param {File | undefined} chosen */
	const play = async (chosen) => {
		if (!chosen) return;
		reading?.abort();
		const mine = (reading = new AbortController());
		try {
			player.stop();
			bar.read(chosen.name, 0);
			const song = await readMidi(chosen, (share) => bar.read(chosen.name, share), mine.signal);
			dialog.close();
			player.start(song);
			if (song.cut) notify(t("This MIDI file is cut off."));
		} catch (error) {
			if (mine.signal.aborted) return;
			bar.hide();
			if (!(error instanceof FileFault)) throw error;
			notify(t(error.message));
		}
	};
	showField(play);
	press("performance-stop", () => {
		reading?.abort();
		bar.hide();
		player.stop();
	});
	player.on("fault", () => notify(t("MIDI files do not work now. Load this page again.")));
	player.on("change", () => {
		bar.draw();
		if (!player.playing && player.left) notify(t("{count} notes were more than may be played here.", { count: player.left }));
	});
}

/** @param {(file: File | undefined) => void} play */
function showField(play) {
	const file = element("studio-file", HTMLInputElement);
	file.addEventListener("change", () => {
		play(file.files?.[0]);
		file.value = "";
	});
	// Phones know few of the kinds, and would show MIDI files in grey.
	if (matchMedia("(pointer: coarse)").matches) file.removeAttribute("accept");
	file.disabled = MISSING !== "";
	const missing = element("studio-missing");
	missing.hidden = MISSING === "";
	missing.textContent = t(MISSING);
	// Text may be dropped into the chat box.
	const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") === true;
	addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
	addEventListener("drop", (event) => {
		if (!hasFiles(event)) return;
		event.preventDefault();
		play(event.dataTransfer?.files[0]);
	});
}

/** The bar with the file's name, how far it is read or played, and a button to stop. */
class Bar {
	#bar = element("performance");
	#name = element("performance-name");
	#progress = element("performance-progress", HTMLProgressElement);
	#state = element("performance-state");
	#player;

	/** @param {FilePlayer} player */
	constructor(player) {
		this.#player = player;
	}

	/** Show how far a file is read. @param {string} name @param {number} share 0..1 */
	read(name, share) {
		this.#bar.hidden = false;
		this.#name.textContent = name;
		this.#progress.max = 1;
		this.#progress.value = share;
		this.#state.textContent = t("Reading: {percent} %", { percent: Math.round(100 * share) });
	}

	/** Show how far a file is played. */
	draw() {
		const { playing, position, length, left } = this.#player;
		this.#bar.hidden = !playing;
		if (!playing) return;
		this.#progress.max = length;
		this.#progress.value = position;
		const missed = left ? ` · ${t("{count} notes left out", { count: left })}` : "";
		this.#state.textContent = `${inMinutes(position)} / ${inMinutes(length)}${missed}`;
	}

	hide() {
		this.#bar.hidden = true;
	}
}
