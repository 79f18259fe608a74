/** @import { Frames } from "../frames.js" */
/** @import { Key } from "./keys.js" */
import { KEYS, WHITES } from "./keys.js";

const SPEED = 0.11; // pixels in a millisecond
const MOST = 1500;

/** @typedef {{ key: Key, color: string, player: string, begin: number, end: number | null }} Trail */

/** What was played in the last seconds, rising from its keys. Rests under reduced motion. */
export class Trails {
  /** @type {Trail[]} */
  #trails = [];
  /** Those that still grow, by player and key. @type {Map<string, Trail>} */
  #growing = new Map();
  #still = matchMedia("(prefers-reduced-motion: reduce)");
  #canvas;
  #context;
  #frames;
  #width = 0;
  #height = 0;
  #blank = true;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Frames} frames
   */
  constructor(canvas, frames) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.#frames = frames;
    new ResizeObserver(() => this.#fit()).observe(canvas);
    this.#fit();
    frames.add((now) => this.#paint(now));
  }

  /**
   * @param {Key} key
   * @param {string} player
   * @param {string} color
   */
  begin(key, player, color) {
    if (this.#still.matches || document.hidden) return;
    this.end(key, player);
    const trail = { key, color, player, begin: performance.now(), end: null };
    this.#trails.push(trail);
    if (this.#trails.length > MOST) this.#trails.shift();
    this.#growing.set(`${key.midi} ${player}`, trail);
    this.#frames.wake();
  }

  /**
   * @param {Key} key
   * @param {string} player
   */
  end(key, player) {
    const slot = `${key.midi} ${player}`;
    const trail = this.#growing.get(slot);
    if (!trail) return;
    trail.end = performance.now();
    this.#growing.delete(slot);
  }

  /** @param {string} player */
  release(player) {
    for (const key of KEYS) this.end(key, player);
  }

  #fit() {
    const { clientWidth, clientHeight } = this.#canvas;
    // One pixel of the canvas for one of CSS: what moves need not be sharper.
    this.#width = this.#canvas.width = clientWidth;
    this.#height = this.#canvas.height = clientHeight;
    this.#frames.wake();
  }

  /** @param {number} now */
  #paint(now) {
    if (this.#trails.length === 0 && this.#blank) return false;
    const context = this.#context;
    const height = this.#height;
    const unit = this.#width / WHITES;
    context.clearRect(0, 0, this.#width, height);
    this.#trails = this.#trails.filter(({ end }) => end === null || height - (now - end) * SPEED > 0);
    for (const { key, color, begin, end } of this.#trails) {
      const top = Math.max(-8, height - (now - begin) * SPEED);
      const bottom = end === null ? height + 8 : height - (now - end) * SPEED;
      // They fade on their way up.
      context.globalAlpha = 0.15 + 0.75 * Math.max(0, bottom / height) ** 1.3 * (end === null ? 1 : 0.85);
      context.fillStyle = color;
      const inset = key.black ? 0 : unit * 0.14;
      const left = Math.round(key.left * unit + inset);
      // Plain rectangles on whole pixels: hundreds of them cost little, even without a GPU.
      context.fillRect(left, Math.round(top), Math.round(key.width * unit - 2 * inset), Math.max(4, Math.round(bottom - top)));
    }
    context.globalAlpha = 1;
    this.#blank = this.#trails.length === 0;
    return !this.#blank;
  }
}
