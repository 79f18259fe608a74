import { LIBRARIES } from "./libraries.js";

/**
 * Return the QR code of an address: rows of modules, true where dark. Undefined without the library,
 * and for more than fits into a code.
 * @param {string} text @returns {Promise<boolean[][] | undefined>}
 */
export async function qr(text) {
	if (!LIBRARIES.qr) return undefined;
	try {
		const { qrcode } = await import(LIBRARIES.qr);
		// As large as needed; level L corrects 7 % of the words.
		const code = qrcode(0, "L");
		code.addData(text);
		code.make();
		const places = Array.from({ length: code.getModuleCount() }, (_, i) => i);
		return places.map((y) => places.map((x) => code.isDark(y, x)));
	} catch {
		return undefined; // the dialog says so
	}
}
