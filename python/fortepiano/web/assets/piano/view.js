/** @import { Frames } from "../frames.js" */
/** @import { Key } from "./keys.js" */
import { channels, inkOn } from "../color.js";
import { KEYS, WHITES, keyOf } from "./keys.js";

const BLACK_HEIGHT = 0.63;
// Milliseconds in which a key's light fades to a third once it is let go.
const FADE = 130;

/** @typedef {{ level: number, color: string, holders: Map<string, string> }} Light */

/**
 * The keyboard on its canvas. It is drawn when something on it changes, and rests otherwise.
 */
export class PianoView {
  /** @type {Map<Key, Light>} */
  #lights = new Map();
  /** What is written on keys. @type {ReadonlyMap<number, string>} */
  #labels = new Map();
  #resting = new OffscreenCanvas(1, 1);
  #canvas;
  #context;
  #frames;
  #width = 0;
  #height = 0;
  #font = "";
  #stale = true;
  #last = 0;

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

  /** @param {ReadonlyMap<number, string>} labels what to write on keys, by MIDI number */
  label(labels) {
    this.#labels = labels;
    this.#stale = true;
    this.#frames.wake();
  }

  /**
   * @param {Key} key
   * @param {string} player
   * @param {string} color
   */
  light(key, player, color) {
    let light = this.#lights.get(key);
    if (!light) {
      light = { level: 0, color, holders: new Map() };
      this.#lights.set(key, light);
    }
    light.level = 1;
    light.color = color;
    light.holders.set(player, color);
    this.#frames.wake();
  }

  /**
   * @param {Key} key
   * @param {string} player
   */
  dim(key, player) {
    const light = this.#lights.get(key);
    if (!light?.holders.delete(player)) return;
    // Whoever else holds the key gives it his colour.
    for (const color of light.holders.values()) light.color = color;
    this.#frames.wake();
  }

  /** @param {string} player everything that he holds goes dark */
  release(player) {
    for (const key of this.#lights.keys()) this.dim(key, player);
  }

  /**
   * The key at a point of the canvas, and how far down it was met, 0..1.
   *
   * @param {number} x CSS pixels
   * @param {number} y CSS pixels
   * @returns {{ key: Key, depth: number } | undefined}
   */
  keyAt(x, y) {
    if (x < 0 || y < 0 || x >= this.#width || y >= this.#height) return undefined;
    const place = (x / this.#width) * WHITES;
    const down = y / this.#height;
    const hit = (/** @type {Key} */ key) => place >= key.left && place < key.left + key.width;
    const black = down < BLACK_HEIGHT ? KEYS.find((key) => key.black && hit(key)) : undefined;
    const key = black ?? KEYS.find((candidate) => !candidate.black && hit(candidate));
    return key && { key, depth: key.black ? down / BLACK_HEIGHT : down };
  }

  #fit() {
    const { clientWidth, clientHeight } = this.#canvas;
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.#width = clientWidth;
    this.#height = clientHeight;
    this.#canvas.width = Math.round(clientWidth * scale);
    this.#canvas.height = Math.round(clientHeight * scale);
    this.#font = ""; // a resized canvas forgets its state
    this.#stale = true;
    this.#frames.wake();
  }

  /** @param {number} now */
  #paint(now) {
    const fade = Math.exp(-Math.min(now - this.#last, 1000) / FADE);
    this.#last = now;
    if (!this.#stale && this.#lights.size === 0) return false;
    let fading = false;
    for (const [key, light] of this.#lights) {
      if (light.holders.size > 0) continue;
      light.level *= fade;
      if (light.level < 0.02) this.#lights.delete(key);
      fading = true;
    }
    const context = this.#context;
    context.setTransform(this.#canvas.width / (this.#width || 1), 0, 0, this.#canvas.height / (this.#height || 1), 0, 0);
    if (this.#stale) this.#rest();
    // The keys at rest are one picture; only those that are lit are drawn, and the black ones that
    // lie over a lit white one.
    context.clearRect(0, 0, this.#width, this.#height);
    context.drawImage(this.#resting, 0, 0, this.#width, this.#height);
    /** @type {Set<Key>} */
    const above = new Set();
    for (const key of this.#lights.keys()) {
      if (key.black) above.add(key);
      else {
        this.#white(key);
        for (const next of [keyOf(key.midi - 1), keyOf(key.midi + 1)]) if (next?.black) above.add(next);
      }
    }
    for (const key of above) this.#black(key);
    return fading;
  }

  /** Draws the keyboard as it is when nobody plays. */
  #rest() {
    const lights = this.#lights;
    this.#lights = new Map();
    this.#context.clearRect(0, 0, this.#width, this.#height);
    for (const key of KEYS) if (!key.black) this.#white(key);
    for (const key of KEYS) if (key.black) this.#black(key);
    this.#lights = lights;
    this.#resting.width = Math.max(1, this.#canvas.width);
    this.#resting.height = Math.max(1, this.#canvas.height);
    this.#resting.getContext("2d")?.drawImage(this.#canvas, 0, 0);
    this.#stale = false;
  }

  /** @param {Key} key */
  #white(key) {
    const context = this.#context;
    const unit = this.#width / WHITES;
    const light = this.#lights.get(key);
    const pressed = light && light.holders.size > 0 ? 3 : 0;
    const x = key.left * unit;
    const height = this.#height - 6 + pressed;
    context.beginPath();
    context.roundRect(x + 0.6, -6, unit - 1.2, height + 5, Math.min(5, unit / 5));
    context.fillStyle = this.#shade(0, height, ["#d9d5cc", "#f3f0ea", "#fdfcfa"]);
    context.fill();
    if (light) {
      context.fillStyle = this.#glow(light, height, 0.5);
      context.fill();
    }
    // The front edge, which a pressed key hides.
    context.beginPath();
    context.roundRect(x + 0.6, height - 5, unit - 1.2, 4, [0, 0, 4, 4]);
    context.fillStyle = pressed ? "rgb(0 0 0 / 12%)" : "rgb(60 52 40 / 26%)";
    context.fill();
    const label = this.#labels.get(key.midi);
    if (label) this.#write(label, x + unit / 2, height - 17, unit, light ? inkOn(light.color) : "#8b857a");
    else if (key.name.startsWith("c")) {
      this.#write(`C${Number(key.name.slice(1)) + 1}`, x + unit / 2, height - 17, unit, light ? inkOn(light.color) : "#b9b3a8");
    }
  }

  /** @param {Key} key */
  #black(key) {
    const context = this.#context;
    const unit = this.#width / WHITES;
    const light = this.#lights.get(key);
    const pressed = light && light.holders.size > 0 ? 2 : 0;
    const x = key.left * unit;
    const width = key.width * unit;
    const height = this.#height * BLACK_HEIGHT + pressed;
    context.beginPath();
    context.roundRect(x - 0.8, -6, width + 1.6, height + 7, Math.min(4, unit / 6));
    context.fillStyle = "rgb(10 10 14 / 92%)";
    context.fill();
    context.beginPath();
    context.roundRect(x + 0.8, -6, width - 1.6, height + 2 - (pressed ? 0 : 3), Math.min(3.4, unit / 7));
    context.fillStyle = this.#shade(0, height, ["#23262e", "#343844", "#15171c"]);
    context.fill();
    if (light) {
      context.fillStyle = this.#glow(light, height, 0.75);
      context.fill();
    }
    const label = this.#labels.get(key.midi);
    if (label) this.#write(label, x + width / 2, height - 16, width * 1.5, light ? inkOn(light.color) : "#9aa1b0");
  }

  /**
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {number} room
   * @param {string} color
   */
  #write(text, x, y, room, color) {
    const size = Math.min(12, room * 0.46);
    if (size < 7) return;
    const context = this.#context;
    const font = `600 ${size}px system-ui, sans-serif`;
    // Setting a font costs more than writing with it.
    if (this.#font !== font) context.font = this.#font = font;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = color;
    context.fillText(text, x, y);
  }

  /**
   * @param {number} top
   * @param {number} bottom
   * @param {[string, string, string]} colors
   */
  #shade(top, bottom, colors) {
    const gradient = this.#context.createLinearGradient(0, top, 0, bottom);
    gradient.addColorStop(0, colors[0]);
    gradient.addColorStop(0.5, colors[1]);
    gradient.addColorStop(1, colors[2]);
    return gradient;
  }

  /**
   * @param {Light} light
   * @param {number} height
   * @param {number} top how strong the colour is at the far end, 0..1
   */
  #glow({ color, level }, height, top) {
    const [r, g, b] = channels(color);
    const gradient = this.#context.createLinearGradient(0, 0, 0, height);
    gradient.addColorStop(0, `rgb(${r} ${g} ${b} / ${(top * level).toFixed(3)})`);
    gradient.addColorStop(1, `rgb(${r} ${g} ${b} / ${level.toFixed(3)})`);
    return gradient;
  }
}
