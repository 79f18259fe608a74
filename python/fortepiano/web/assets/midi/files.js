import { LIBRARIES } from "../libraries.js";

// Files beyond this would fill the memory of a phone. Bytes.
const LARGEST = 40 * 2 ** 20;

/** Fault of a file, or of this page, in words for the user. */
export class FileFault extends Error {}

/** Why this page reads and writes no MIDI files; empty if it does. */
export const MISSING = LIBRARIES.midi ? "" : "This server lacks the library for MIDI files.";

/**
 * Read a MIDI file in a worker.
 * @param {File} file @param {(share: number) => void} progress @param {AbortSignal} signal ends the reading
 * @returns {Promise<Song>} @throws {FileFault}
 */
export function readMidi(file, progress, signal) {
	if (file.size > LARGEST) throw new FileFault("This file is too large: at most 40 MB can be played.");
	return work({ file }, [], progress, signal);
}

/** Write a MIDI file in a worker. @param {Recording} recording @returns {Promise<Uint8Array<ArrayBuffer>>} @throws {FileFault} */
export function writeMidi(recording) {
	const { at, key, velocity, player } = recording;
	return work({ recording }, [at, key, velocity, player].map(({ buffer }) => buffer));
}

/**
 * Give a new worker a task, and return its result.
 * @param {object} task @param {Transferable[]} moved @param {(share: number) => void} [progress] @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
async function work(task, moved, progress, signal) {
	if (MISSING) throw new FileFault(MISSING);
	const worker = new Worker(new URL("worker/file_worker.js", import.meta.url), { type: "module" });
	try {
		return await new Promise((resolve, reject) => {
			signal?.addEventListener("abort", () => reject(signal.reason));
			worker.onerror = () => reject(new FileFault("MIDI files do not work now. Load this page again."));
			worker.onmessage = ({ data }) => {
				const { progress: share, fault, done } = /** @type {FileAnswer} */ (data);
				if (share !== undefined) progress?.(share);
				else if (fault) reject(new FileFault(fault));
				else resolve(done);
			};
			worker.postMessage(task, moved);
		});
	} finally {
		worker.terminate();
	}
}
