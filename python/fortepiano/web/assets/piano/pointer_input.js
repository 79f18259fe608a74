/**
 * Play by mouse, pen and any number of fingers. A dragged pointer plays each key that it crosses.
 * @param {HTMLCanvasElement} canvas @param {PianoView} view @param {Player} player
 */
export function playByPointer(canvas, view, player) {
	/** @type {Map<number, Key | null>} */
	const pointers = new Map();

	/** @param {PointerEvent} event */
	const move = (event) => {
		const box = canvas.getBoundingClientRect();
		const met = view.keyAt(event.clientX - box.left, event.clientY - box.top);
		const held = pointers.get(event.pointerId) ?? null;
		const finger = `pointer ${event.pointerId}`;
		if (met?.key === held) return;
		if (held) player.release(held, finger);
		pointers.set(event.pointerId, met?.key ?? null);
		// A key is louder near its front, where the lever is longer.
		if (met) player.press(met.key, 0.3 + 0.5 * met.depth, finger);
	};

	/** @param {PointerEvent} event */
	const lift = (event) => {
		const held = pointers.get(event.pointerId);
		if (held) player.release(held, `pointer ${event.pointerId}`);
		pointers.delete(event.pointerId);
	};

	canvas.addEventListener("pointerdown", (event) => {
		if (event.pointerType === "mouse" && event.button !== 0) return;
		canvas.setPointerCapture(event.pointerId);
		pointers.set(event.pointerId, null);
		move(event);
	});
	canvas.addEventListener("pointermove", (event) => {
		if (!pointers.has(event.pointerId)) return;
		// Between two frames a fast hand crosses several keys.
		const passed = event.getCoalescedEvents();
		for (const point of passed.length > 0 ? passed : [event]) move(point);
	});
	canvas.onpointerup = canvas.onpointercancel = canvas.onlostpointercapture = lift;
	canvas.addEventListener("contextmenu", (event) => event.preventDefault());
}
