import { LIBRARIES } from "../../libraries.js";

/**
 * One event, as the library returns it: fields depend on `subtype`.
 * @typedef {{ type: string, subtype?: string, channel?: number, noteNumber?: number, velocity?: number,
 *   controllerType?: number, value?: number, microsecondsPerBeat?: number }} LibraryEvent
 */

/** An event to write. @typedef {LibraryEvent & { deltaTime: number, text?: string }} WrittenEvent */

/**
 * The part of midifile-ts that is used here. A `position` is in bytes.
 * @typedef {{
 *   Stream: new (view: DataView) => { position: number, eof(): boolean, read(length: number): number[], readVarInt(): number },
 *   deserializeSingleEvent: (stream: object, delta: number, status: number, running: (status: number) => void) => LibraryEvent,
 *   write: (tracks: WrittenEvent[][], ticksPerBeat: number) => Uint8Array<ArrayBuffer>,
 * }} Library
 */

/** Load the library for MIDI files. @returns {Promise<Library>} */
export function loadLibrary() {
	return import(LIBRARIES.midi);
}
