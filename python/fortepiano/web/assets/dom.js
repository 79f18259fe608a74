const SVG = "http://www.w3.org/2000/svg";

/**
 * Return the element with an id, which index.html must contain.
 * @template {Element} [T=HTMLElement]
 * @param {string} id @param {new () => T} [kind] @returns {T}
 */
export function element(id, kind = /** @type {any} */ (HTMLElement)) {
	const found = document.getElementById(id);
	if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
	return found;
}

/**
 * Make an element. Text is only ever set as text, so no user's words become markup.
 * @template {keyof HTMLElementTagNameMap} K @param {K} tag @param {string} [className] @param {string} [text]
 */
export function make(tag, className = "", text = "") {
	const made = document.createElement(tag);
	if (className) made.className = className;
	if (text) made.textContent = text;
	return made;
}

/** Return one of the symbols in index.html. @param {string} name @returns {SVGSVGElement} */
export function icon(name) {
	const svg = document.createElementNS(SVG, "svg");
	const use = document.createElementNS(SVG, "use");
	use.setAttribute("href", `#icon-${name}`);
	svg.classList.add("icon");
	svg.setAttribute("aria-hidden", "true");
	svg.append(use);
	return svg;
}

/** Give the button with an id its action, and return the button. @param {string} id @param {() => void} act */
export function press(id, act) {
	const button = element(id, HTMLButtonElement);
	button.addEventListener("click", act);
	return button;
}

/**
 * Return a dialog with working buttons to open and close it; a click beside the dialog closes it too.
 * @param {string} name @param {() => void} [before] called each time before it opens
 */
export function panel(name, before) {
	const dialog = element(name, HTMLDialogElement);
	press(`${name}-close`, () => dialog.close());
	dialog.addEventListener("pointerdown", (event) => {
		if (event.target === dialog) dialog.close();
	});
	if (before) {
		let pointed = false;
		element(`${name}-open`, HTMLButtonElement).addEventListener("click", ({ detail }) => {
			pointed = detail > 0;
			before();
			dialog.showModal();
		});
		// The browser gives the focus back to the button, which then takes the space bar: mouse users play on.
		dialog.addEventListener("close", () => pointed && /** @type {HTMLElement} */ (document.activeElement)?.blur());
	}
	return dialog;
}

/** Set the action of a form instead of loading another page. @param {string} id @param {() => void} act */
export function submit(id, act) {
	element(id).addEventListener("submit", (event) => {
		event.preventDefault();
		act();
	});
}

/** Media query that `matches` where the user wants no motion. */
export const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** Return a field of a form. @param {HTMLFormElement} form @param {string} name */
export function field({ elements }, name) {
	return /** @type {HTMLInputElement} */ (elements.namedItem(name));
}

/** Return the drawing context of a canvas. @param {HTMLCanvasElement} canvas */
export function pen(canvas) {
	return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}
