import { INSTRUMENTS } from "./audio/instruments.js";
import { element, field, make, panel, press } from "./dom.js";
import { LANGUAGES, language, t } from "./language.js";
import { recall, remember } from "./storage.js";

/** The dialog with the user's own choices: sound, MIDI instruments, layout, looks, language. */
export class Preferences {
	#form = element("preferences-form", HTMLFormElement);
	#midi;

	/** @param {PreferencesParts} parts */
	constructor({ engine, instruments, midi, keyboard, trails }) {
		this.#midi = midi;
		panel("preferences", () => {});
		const synth = element("preferences-synth");
		const shape = () => {
			synth.hidden = instruments.chosen !== "synth";
		};
		this.#offer("instrument", INSTRUMENTS, instruments.chosen, (name) => {
			instruments.choose(/** @type {Instrument} */ (name));
			shape();
		});
		shape();
		this.#choice("wave", instruments.synth.wave, (wave) => instruments.shape({ wave: /** @type {OscillatorType} */ (wave) }));
		for (const name of /** @type {const} */ (["attack", "decay", "sustain", "release"])) {
			this.#choice(name, String(instruments.synth[name]), (value) => instruments.shape({ [name]: Number(value) }));
		}
		this.#choice("reverb", String(100 * engine.reverb), (value) => {
			engine.reverb = Number(value) / 100;
		});
		this.#choice("layout", keyboard.layout, (layout) => keyboard.lay(layout));
		const { dataset } = document.documentElement;
		for (const name of ["theme", "contrast"]) {
			const stored = recall(name, "");
			dataset[name] = stored;
			this.#choice(name, stored, (value) => remember(name, (dataset[name] = value)));
		}
		this.#choice("notes", trails.falling ? "falling" : "", (value) => {
			trails.falling = value === "falling";
			remember("falling", trails.falling);
		});
		this.#offer("language", LANGUAGES, language(), (code) => {
			remember("language", code);
			location.reload();
		});

		const ask = press("preferences-midi", async () => {
			if (!(await midi.open())) ask.textContent = t("MIDI was not allowed");
		});
		ask.disabled = !midi.supported;
		if (!midi.supported) ask.textContent = t("This browser has no MIDI");
		midi.on("change", () => {
			ask.hidden = true;
			this.#list();
		});
	}

	#list() {
		const rows = this.#midi.ports.map(({ name, input, on }) => {
			const label = make("label", "check");
			const box = make("input");
			box.type = "checkbox";
			box.checked = on;
			box.addEventListener("change", () => this.#midi.use(name, input, box.checked));
			label.append(box, make("bdi", "", input ? t("Play on {name}", { name }) : t("Sound on {name}", { name })));
			return label;
		});
		if (rows.length === 0) rows.push(make("label", "", t("No MIDI instrument is connected")));
		element("preferences-ports").replaceChildren(...rows);
	}

	/**
	 * @param {string} name of the field @param {Record<string, string>} offers @param {string} chosen
	 * @param {(value: string) => void} choose
	 */
	#offer(name, offers, chosen, choose) {
		field(this.#form, name).replaceChildren(...Object.entries(offers).map(([value, text]) => new Option(t(text), value)));
		this.#choice(name, chosen, choose);
	}

	/** @param {string} name of the field @param {string} value @param {(value: string) => void} choose */
	#choice(name, value, choose) {
		const chosen = field(this.#form, name);
		chosen.value = value;
		chosen.addEventListener("input", () => choose(chosen.value));
	}
}
