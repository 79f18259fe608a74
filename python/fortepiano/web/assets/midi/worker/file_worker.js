// Runs beside the page: reads and writes MIDI files, which may be large. Ends with its one task.

import { loadLibrary } from "./library.js";
import { notesOf } from "./notes.js";
import { writeRecording } from "./recorded.js";
import { BadFile, readEvents } from "./tracks.js";

/** @param {FileAnswer} answer @param {Transferable[]} [moved] */
const post = (answer, moved = []) => postMessage(answer, { transfer: moved });

/** @param {import("./library.js").Library} library @param {Blob} file */
async function read(library, file) {
	const bytes = new Uint8Array(await file.arrayBuffer());
	// Pairing the notes is the last third of the work.
	const song = notesOf(readEvents(library, bytes, (share) => post({ progress: share * 0.6 })));
	if (song.begin.length === 0) throw new BadFile(song.cut ? "This MIDI file is cut off." : "There are no notes in this file.");
	post({ done: song }, [song.begin, song.end, song.key, song.velocity].map(({ buffer }) => buffer));
}

onmessage = async ({ data }) => {
	try {
		const library = await loadLibrary().catch(() => {
			throw new BadFile("The library for MIDI files could not be loaded.");
		});
		if (data.file) return await read(library, data.file);
		const bytes = writeRecording(library, data.recording);
		post({ done: bytes }, [bytes.buffer]);
	} catch (error) {
		if (error instanceof BadFile) post({ fault: error.message });
		else reportError(error);
	}
};
