import { pen } from "../dom.js";
import { INKS, channels, inkOn } from "../color.js";
import { KEYS, WHITES, keyOf } from "./keys.js";

const BLACK_HEIGHT = 0.63;
// Milliseconds in which the light of a released key fades to a third.
const FADE = 130;

/**
 * The keyboard on its canvas. Keys at rest are one picture; a frame redraws only keys whose light
 * changed. Each key has cells of whole pixels around its shape, which are copied from that picture
 * first: soft edges drawn over each other would fill the gaps between keys.
 */
export class PianoView {
	/** @type {Map<Key, Light>} */
	#lights = new Map();
	/** Labels of keys by MIDI number. @type {ReadonlyMap<number, string>} */
	#labels = new Map();
	/** @type {Map<Key, Path2D>} */
	#shapes = new Map();
	/** Gradients of each colour on white and on black keys. @type {Map<string, CanvasGradient>} */
	#glows = new Map();
	/** Rectangles of each key: x, y, width, height; pixels of the canvas. @type {Map<Key, Rectangle[]>} */
	#cells = new Map();
	/** The keys at rest. */
	#resting = document.createElement("canvas");
	/** Labels by ink, because writing costs more than the light. @type {Map<string, CanvasPattern | null>} */
	#inks = new Map();
	#canvas;
	#context;
	#frames;
	#width = 0;
	#height = 0;
	#stale = true;
	#last = 0;

	/** @param {HTMLCanvasElement} canvas @param {Frames} frames */
	constructor(canvas, frames) {
		this.#canvas = canvas;
		this.#context = pen(canvas);
		this.#frames = frames;
		new ResizeObserver(() => this.#fit()).observe(canvas);
		this.#fit();
		frames.add((now) => this.#paint(now));
	}

	/** Write on keys. @param {ReadonlyMap<number, string>} labels by MIDI number */
	label(labels) {
		this.#labels = labels;
		this.#stale = true;
		this.#frames.wake();
	}

	/** @param {Key} key @param {string} player @param {string} color */
	light(key, player, color) {
		let light = this.#lights.get(key);
		if (!light) {
			light = { level: 0, color, dirty: true, holders: new Map() };
			this.#lights.set(key, light);
		}
		light.dirty ||= light.level !== 1 || light.color !== color;
		light.level = 1;
		light.color = color;
		light.holders.set(player, color);
		this.#frames.wake();
	}

	/** @param {Key} key @param {string} player */
	dim(key, player) {
		const light = this.#lights.get(key);
		if (!light?.holders.delete(player)) return;
		// Another holder of the key gives the key their colour.
		for (const color of light.holders.values()) light.color = color;
		light.dirty = true;
		this.#frames.wake();
	}

	/** Let all keys of a player go dark. @param {string} player */
	release(player) {
		for (const key of this.#lights.keys()) this.dim(key, player);
	}

	/**
	 * Return the key at a point of the canvas, and how far down the key that is, 0..1.
	 * @param {number} x CSS pixels @param {number} y CSS pixels
	 */
	keyAt(x, y) {
		if (x < 0 || y < 0 || x >= this.#width || y >= this.#height) return undefined;
		const place = (x / this.#width) * WHITES;
		const down = y / this.#height;
		const met = KEYS.filter(({ left, width }) => place >= left && place < left + width);
		const key = met.find(({ black }) => black && down < BLACK_HEIGHT) ?? met.find(({ black }) => !black);
		return key && { key, depth: key.black ? down / BLACK_HEIGHT : down };
	}

	#fit() {
		const { clientWidth, clientHeight } = this.#canvas;
		const scale = Math.min(devicePixelRatio || 1, 2);
		this.#width = clientWidth;
		this.#height = clientHeight;
		this.#canvas.width = Math.round(clientWidth * scale);
		this.#canvas.height = Math.round(clientHeight * scale);
		this.#stale = true;
		this.#frames.wake();
	}

	/** @param {number} now */
	#paint(now) {
		const fade = Math.exp(-Math.min(now - this.#last, 1000) / FADE);
		this.#last = now;
		if (this.#stale) this.#rest();
		let fading = false;
		for (const [key, light] of this.#lights) {
			if (light.holders.size === 0) {
				light.level = light.level < 0.02 ? 0 : light.level * fade;
				light.dirty = true;
				fading = true;
			}
			if (light.dirty) this.#draw(key, light);
			light.dirty = false;
			if (light.level === 0) this.#lights.delete(key);
		}
		return fading;
	}

	/** @param {Key} key @param {Light} light */
	#draw(key, { level, color, holders }) {
		const context = this.#context;
		this.#clear(key);
		if (level === 0) return;
		context.globalAlpha = level;
		context.fillStyle = this.#glow(color, key.black);
		context.fill(/** @type {Path2D} */ (this.#shapes.get(key)));
		if (holders.size > 0 && !key.black) {
			context.fillStyle = "rgb(0 0 0 / 14%)";
			context.fillRect(key.left * this.#unit + 1, this.#height - 9, this.#unit - 2, 3);
		}
		// The label fades with the light, below which that of the resting key comes back.
		context.fillStyle = this.#inks.get(inkOn(color)) ?? "";
		context.fillRect(key.left * this.#unit, this.#bottom(key) - 22, key.width * this.#unit, 16);
		context.globalAlpha = 1;
	}

	/** Draw a key as it is at rest. @param {Key} key */
	#clear(key) {
		const context = this.#context;
		context.save();
		context.resetTransform();
		for (const [x, y, width, height] of this.#cells.get(key) ?? []) {
			context.clearRect(x, y, width, height);
			context.drawImage(this.#resting, x, y, width, height, x, y, width, height);
		}
		context.restore();
	}

	get #unit() {
		return this.#width / WHITES;
	}

	/** Height of the black keys, where white keys widen; pixels of the canvas. */
	get #ledge() {
		return Math.round(this.#canvas.height * BLACK_HEIGHT);
	}

	/** Draw the keyboard at rest, and store the picture. */
	#rest() {
		const context = this.#context;
		const { width, height } = this.#canvas;
		this.#stale = false;
		this.#glows.clear();
		if (width === 0 || height === 0) return;
		const [across, down] = [width / this.#width, height / this.#height];
		context.setTransform(across, 0, 0, down, 0, 0);
		context.clearRect(0, 0, this.#width, this.#height);
		for (const key of KEYS) {
			const shape = this.#shape(key);
			this.#shapes.set(key, shape);
			this.#cells.set(key, this.#cellsOf(key));
			const bottom = this.#bottom(key);
			const shade = context.createLinearGradient(0, 0, 0, bottom);
			const shades = key.black ? ["#23262e", "#343844", "#15171c"] : ["#d9d5cc", "#f3f0ea", "#fdfcfa"];
			shades.forEach((color, i) => shade.addColorStop(i / 2, color));
			context.fillStyle = shade;
			context.fill(shape);
			// The front edge.
			context.fillStyle = key.black ? "rgb(255 255 255 / 7%)" : "rgb(60 52 40 / 22%)";
			context.fillRect(key.left * this.#unit + 2, bottom - 5, key.width * this.#unit - 4, 3);
			this.#write(key, key.black ? "#c4cad6" : "#6b665c");
		}
		pen(Object.assign(this.#resting, { width, height })).drawImage(this.#canvas, 0, 0);
		for (const ink of INKS) {
			context.clearRect(0, 0, this.#width, this.#height);
			for (const key of KEYS) this.#write(key, ink);
			const pattern = context.createPattern(this.#canvas, "no-repeat");
			pattern?.setTransform(context.getTransform().inverse());
			this.#inks.set(ink, pattern);
		}
		for (const key of KEYS) this.#clear(key);
		for (const light of this.#lights.values()) light.dirty = true;
	}

	/** @param {Key} key */
	#bottom(key) {
		return key.black ? this.#height * BLACK_HEIGHT - 2 : this.#height - 5;
	}

	/** Return the rectangles that a key has to itself; those of all keys fill the canvas. @param {Key} key */
	#cellsOf(key) {
		const { width, height } = this.#canvas;
		const column = (/** @type {number} */ place) => Math.round((place / WHITES) * width);
		const [left, right] = [column(key.left), column(key.left + key.width)];
		if (key.black) return [rectangle(left, 0, right, this.#ledge)];
		const [inner, outer] = between(key).map(column);
		return [rectangle(inner, 0, outer, this.#ledge), rectangle(left, this.#ledge, right, height)];
	}

	/** Return the visible shape of a key: a white one shows what its black neighbours leave. @param {Key} key */
	#shape(key) {
		const unit = this.#unit;
		const shape = new Path2D();
		const [left, right] = [key.left * unit + 0.6, (key.left + key.width) * unit - 0.6];
		const bottom = this.#bottom(key);
		const round = Math.min(5, unit / 5);
		if (key.black) {
			shape.roundRect(left, -6, right - left, bottom + 6, round);
			return shape;
		}
		const [from, to] = between(key);
		const [inner, outer] = [from * unit + 0.6, to * unit - 0.6];
		const ledge = (this.#ledge / this.#canvas.height) * this.#height;
		shape.moveTo(inner, 0);
		shape.lineTo(inner, ledge);
		shape.lineTo(left, ledge);
		shape.arcTo(left, bottom, left + round, bottom, round);
		shape.arcTo(right, bottom, right, bottom - round, round);
		shape.lineTo(right, ledge);
		shape.lineTo(outer, ledge);
		shape.lineTo(outer, 0);
		shape.closePath();
		return shape;
	}

	/** @param {Key} key @param {string} color */
	#write(key, color) {
		const context = this.#context;
		const octave = key.name.startsWith("c") && !key.black ? `C${Number(key.name.slice(1)) + 1}` : "";
		const text = this.#labels.get(key.midi) ?? octave;
		const size = Math.min(12, key.width * this.#unit * (key.black ? 0.7 : 0.46));
		if (!text || size < 7) return;
		context.font = `600 ${Math.round(size)}px system-ui, sans-serif`;
		context.textAlign = "center";
		context.textBaseline = "middle";
		context.fillStyle = color;
		context.fillText(text, (key.left + key.width / 2) * this.#unit, this.#bottom(key) - 14);
	}

	/** @param {string} color @param {boolean} black */
	#glow(color, black) {
		const name = `${color} ${black}`;
		let glow = this.#glows.get(name);
		if (!glow) {
			const [r, g, b] = channels(color);
			glow = this.#context.createLinearGradient(0, 0, 0, this.#height * (black ? BLACK_HEIGHT : 1));
			glow.addColorStop(0, `rgb(${r} ${g} ${b} / ${black ? 0.75 : 0.5})`);
			glow.addColorStop(1, `rgb(${r} ${g} ${b})`);
			if (this.#glows.size > 500) this.#glows.clear(); // new colours may come for ever
			this.#glows.set(name, glow);
		}
		return glow;
	}
}

/** @param {number} left @param {number} top @param {number} right @param {number} bottom @returns {Rectangle} */
function rectangle(left, top, right, bottom) {
	return [left, top, right - left, bottom - top];
}

/** Return where a white key begins and ends between its black neighbours, in white keys. @param {Key} key */
function between({ midi, left, width }) {
	const [before, behind] = [keyOf(midi - 1), keyOf(midi + 1)];
	return [before?.black ? before.left + before.width : left, behind?.black ? behind.left : left + width];
}
