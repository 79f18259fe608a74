import { recall } from "./storage.js";

/** Languages of the page. Page and scripts hold English, strings/<code>.json the translations. */
export const LANGUAGES = { en: "English", de: "Deutsch" };

const ATTRIBUTES = ["aria-label", "title", "placeholder"];

/** @type {Record<string, string>} */
let words = {};

/** Return the chosen language, or the first known one of the browser's. */
export function language() {
	const wanted = [recall("language", ""), ...navigator.languages.map((code) => code.slice(0, 2))];
	return wanted.find((code) => code in LANGUAGES) ?? "en";
}

/** Load the words of the user's language and put them into the page. */
export async function translate() {
	const code = language();
	document.documentElement.lang = code;
	if (code === "en") return;
	const answer = await fetch(new URL(`strings/${code}.json`, import.meta.url)).catch(() => null);
	if (!answer?.ok) return; // the page stays English
	words = await answer.json();
	const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		const { currentNode: node } = texts;
		const text = (node.textContent ?? "").trim();
		const word = words[text.replace(/\s+/g, " ")];
		if (word) node.textContent = (node.textContent ?? "").replace(text, word);
	}
	for (const name of ATTRIBUTES) {
		for (const node of document.querySelectorAll(`[${name}]`)) {
			const word = words[node.getAttribute(name) ?? ""];
			if (word) node.setAttribute(name, word);
		}
	}
}

/**
 * Return a text in the user's language.
 * @param {string} text in English; `{name}` stands for a value @param {Record<string, string | number>} [values]
 */
export function t(text, values = {}) {
	return (words[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}
