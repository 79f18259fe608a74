// Runs beside the page, because browsers slow the timers of hidden pages down to one tick a second.

const STEP = 20; // milliseconds

setInterval(() => postMessage(null), STEP);
