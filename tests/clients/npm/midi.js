// Plays a MIDI file with midi-player-js, unmodified, like the players that use it. They look keys up
// in a list of 88 by number, so a key off the piano is `undefined`.
"use strict";

const { Player } = require("midi-player-js");

module.exports = { playFile };

const LOWEST = 21;
const NAMES = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"];
const KEYS = Array.from({ length: 88 }, (_, index) => {
    const number = index + LOWEST;
    return NAMES[number % 12] + (Math.floor(number / 12) - 2);
});

function playFile(file, { press, release }) {
    return new Promise(resolve => {
        const player = new Player(event => {
            const key = KEYS[event.noteNumber - LOWEST];
            const isNote = event.name === "Note on" || event.name === "Note off";
            if (!isNote) return;
            if (event.name === "Note on" && event.velocity > 0) press(key, event.velocity);
            else release(key);
        });
        player.on("endOfFile", resolve);
        player.loadFile(file);
        player.play();
    });
}
