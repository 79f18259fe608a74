// Runs one of the client libraries that bots are made with, unmodified, and lets a test steer it:
//     node bot.js LIBRARY URI ROOM [ADDRESS]
// Commands are JSON lines on stdin, events are JSON lines on stdout; it ends when stdin does. With an
// ADDRESS it connects from there, and so is a user of its own.
"use strict";

const { EventEmitter } = require("node:events");
const net = require("node:net");
const readline = require("node:readline");
const { setTimeout: sleep } = require("node:timers/promises");

const { open } = require("./libraries.js");
const { playFile } = require("./midi.js");

const [library, uri, room, localAddress] = process.argv.slice(2);

const { connect } = net;
net.connect = (options, ...rest) => connect({ ...options, localAddress }, ...rest);

// Stdout is for events: what a library prints goes elsewhere.
console.log = console.error;

// One of the libraries keeps silent about what its handlers throw.
const { emit } = EventEmitter.prototype;
EventEmitter.prototype.emit = function (...event) {
    try {
        return emit.apply(this, event);
    } catch (error) {
        report("exception", { on: String(event[0]), stack: error.stack });
        throw error;
    }
};

function report(event, fields) {
    process.stdout.write(JSON.stringify({ event, ...fields }) + "\n");
}

function reportPeople() {
    const people = bot.people.map(({ id, name, color, x, y }) => ({ id, name, color, x, y }));
    report("p", { names: people.map(each => each.name), people });
}

const bot = open(library, uri);
bot.on("hi", msg => report("hi", { user: msg.u }));
bot.on("ch", () =>
    report("ch", {
        room: bot.room._id,
        me: bot.me,
        people: bot.people.map(each => each.id),
        settings: bot.room.settings,
        crown: bot.room.crown?.participantId ?? null,
        isOwner: bot.isOwner,
    }));
bot.on("p", reportPeople);
bot.on("m", reportPeople);
bot.on("participant added", part => report("added", { id: part.id }));
bot.on("participant removed", part => report("removed", { id: part.id }));
bot.on("n", msg => report("n", { p: msg.p, t: msg.t, n: msg.n }));
bot.on("a", msg => report("a", { a: msg.a, name: msg.p.name, id: msg.id, r: msg.r }));
bot.on("dm", msg => report("dm", { a: msg.a, name: msg.sender.name }));
bot.on("ls", msg => report("ls", { rooms: msg.u.map(each => each._id) }));
bot.on("nq", msg => report("nq", { max: msg.max }));
bot.on("notification", msg => report("notification", msg));
bot.on("disconnect", () => report("disconnect", {}));
bot.on("wserror", () => report("wserror", {}));

const commands = {
    send: ({ message }) => bot.send([message]),
    frame: ({ messages }) => bot.send(messages),
    enter: ({ room, set }) => bot.enter(room, set),
    settings: ({ set }) => bot.settings(set),
    chat: ({ text }) => bot.chat(text),
    rename: ({ name }) => bot.setUser({ name }),
    setUser: ({ name, color }) => bot.setUser({ name, color }),
    point: ({ x, y }) => bot.point(x, y),
    giveCrown: ({ id }) => bot.giveCrown(id),
    ban: ({ id, ms }) => bot.ban(id, ms),

    // Wait for a time that the server has named, as people do.
    async wait({ ms }) {
        await sleep(ms);
        report("waited", {});
    },

    // `strokes` are [milliseconds, key, velocity]; without a velocity the key is released.
    async play({ strokes }) {
        const begin = performance.now();
        for (const [at, key, velocity] of strokes) {
            const rest = at - (performance.now() - begin);
            if (rest > 0) await sleep(rest);
            if (velocity === null) bot.release(key);
            else bot.press(key, velocity);
        }
        await allSent();
    },

    // A velocity of the file is divided by `divisor`; authors of players choose different ones.
    async playFile({ file, divisor }) {
        await playFile(file, {
            press: (key, velocity) => bot.press(key, velocity / divisor),
            release: key => bot.release(key),
        });
        await allSent();
    },
};

// The library sends what it has gathered every 200 ms.
async function allSent() {
    while (bot.isGathering) await sleep(20);
    report("played", {});
}

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", line => {
    const command = JSON.parse(line);
    commands[command.do](command);
});
lines.on("close", () => process.exit(0));

bot.start(room);
