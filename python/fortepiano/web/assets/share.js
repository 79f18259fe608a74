import { element, panel, pen, press } from "./dom.js";
import { t } from "./language.js";
import { qr } from "./qr.js";

const QUIET = 4;

/** Show the dialog with the room's address, as text and as a QR code. */
export function showShare() {
	const link = element("share-link", HTMLInputElement);
	const code = element("share-code", HTMLCanvasElement);
	const missing = element("share-missing");
	panel("share", async () => {
		link.value = location.href;
		copy.textContent = t("Copy");
		const rows = await qr(location.href);
		code.hidden = !rows;
		missing.hidden = Boolean(rows);
		element("share-text").textContent = location.href;
		if (rows) draw(code, rows);
	});
	const copy = press("share-copy", async () => {
		link.select();
		// Pages without TLS have no clipboard, only the old command.
		const copied = await (navigator.clipboard?.writeText(link.value).then(() => true, () => false) ?? false);
		if (copied || document.execCommand("copy")) copy.textContent = t("Copied");
	});
}

/** @param {HTMLCanvasElement} canvas @param {boolean[][]} rows */
function draw(canvas, rows) {
	const size = rows.length + 2 * QUIET;
	const scale = Math.ceil(240 / size);
	canvas.width = canvas.height = size * scale;
	const context = pen(canvas);
	context.fillStyle = "#ffffff";
	context.fillRect(0, 0, canvas.width, canvas.height);
	context.fillStyle = "#000000";
	rows.forEach((row, y) => row.forEach((dark, x) => {
		if (dark) context.fillRect((x + QUIET) * scale, (y + QUIET) * scale, scale, scale);
	}));
}
