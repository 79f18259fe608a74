const SVG = "http://www.w3.org/2000/svg";

/**
 * The element with this id, which index.html must contain.
 * @template {Element} [T=HTMLElement]
 * @param {string} id @param {new () => T} [kind] @returns {T}
 */
export function element(id, kind = /** @type {any} */ (HTMLElement)) {
	const found = document.getElementById(id);
	if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
	return found;
}

/**
 * A new element. Text only ever goes in as text, so nothing that a person wrote becomes markup.
 * @template {keyof HTMLElementTagNameMap} K @param {K} tag @param {string} [className] @param {string} [text]
 */
export function make(tag, className = "", text = "") {
	const made = document.createElement(tag);
	if (className) made.className = className;
	if (text) made.textContent = text;
	return made;
}

/** One of the symbols in index.html. @param {string} name @returns {SVGSVGElement} */
export function icon(name) {
	const svg = document.createElementNS(SVG, "svg");
	const use = document.createElementNS(SVG, "use");
	use.setAttribute("href", `#icon-${name}`);
	svg.classList.add("icon");
	svg.setAttribute("aria-hidden", "true");
	svg.append(use);
	return svg;
}

/** The button with this id; it does something from now on. @param {string} id @param {() => void} act */
export function press(id, act) {
	const button = element(id, HTMLButtonElement);
	button.addEventListener("click", act);
	return button;
}

/**
 * A dialog with the buttons that open and close it; a click beside it closes it too.
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
		// The browser gives focus and space bar back to the button: who used the mouse wants to play on.
		dialog.addEventListener("close", () => pointed && /** @type {HTMLElement} */ (document.activeElement)?.blur());
	}
	return dialog;
}

/** Does something with a form when it is sent; it stays in the page. @param {string} id @param {() => void} act */
export function submit(id, act) {
	element(id).addEventListener("submit", (event) => {
		event.preventDefault();
		act();
	});
}

/** `matches` where one wants nothing to move. */
export const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** A field of a form. @param {HTMLFormElement} form @param {string} name */
export function field({ elements }, name) {
	return /** @type {HTMLInputElement} */ (elements.namedItem(name));
}

/** What one draws with on a canvas. @param {HTMLCanvasElement} canvas */
export function pen(canvas) {
	return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}
