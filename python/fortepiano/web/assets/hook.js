
const KEPT = 4096;

/** The last entries of something, the oldest giving way. @template T */
export class Journal {
  /** @type {T[]} */
  #entries = [];

  /** @param {T} entry */
  add(entry) {
    this.#entries.push(entry);
    // Cut in large steps: shifting one by one costs more than the notes themselves.
    if (this.#entries.length >= 2 * KEPT) this.#entries.splice(0, KEPT);
  }

  entries() {
    return this.#entries.slice(-KEPT);
  }
}

/**
 * What tests and the curious may read: `window.fortepiano`. Copies only; nothing here changes the page.
 * @param {object} parts @param {Journal<Scheduled>} parts.schedule @param {Journal<Sent>} parts.sent
 * @param {() => object} parts.state
 */
export function expose({ schedule, sent, state }) {
  const hook = {
    /** The last remote notes that were handed to the audio clock. */
    get schedule() {
      return schedule.entries();
    },
    /** The last own notes that went out. */
    get sent() {
      return sent.entries();
    },
    /** How things stand: connection, room, people, clock, sound. */
    get state() {
      return state();
    },
  };
  Object.defineProperty(window, "fortepiano", { value: Object.freeze(hook) });
}
