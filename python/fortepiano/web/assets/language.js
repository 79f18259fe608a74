import { recall } from "./storage.js";

/** English is written in the page and in the scripts; strings/<code>.json holds what it is elsewhere. */
export const LANGUAGES = { en: "English", de: "Deutsch" };

const ATTRIBUTES = ["aria-label", "title", "placeholder"];

/** @type {Record<string, string>} */
let words = {};

/** The language that was chosen, or the first of the browser's that there is. */
export function language() {
	const wanted = [recall("language", ""), ...navigator.languages.map((code) => code.slice(0, 2))];
	return wanted.find((code) => code in LANGUAGES) ?? "en";
}

/** Loads the words of one's language and puts them into the page. */
export async function translate() {
	const code = language();
	document.documentElement.lang = code;
	if (code === "en") return;
	const answer = await fetch(new URL(`strings/${code}.json`, import.meta.url)).catch(() => null);
	if (!answer?.ok) return; // then it stays English
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
 * A text in one's language.
 * @param {string} text in English; `{name}` stands for a value @param {Record<string, string | number>} [values]
 */
export function t(text, values = {}) {
	return (words[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}
