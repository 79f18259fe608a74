// Runs one of the client libraries that bots are made with, unmodified, and lets a test steer it:
//     node bot.js LIBRARY URI ROOM [ADDRESS]
// Commands are JSON lines on stdin, events are JSON lines on stdout; it ends when stdin does. With an
// ADDRESS it connects from there, and so is a user of its own.
"use strict";

const { EventEmitter } = require("node:events");
const net = require("node:net");
const readline = require("node:readline");
const { setTimeout: sleep } = require("node:timers/promises");

const [library, uri, room, localAddress] = process.argv.slice(2);

const { connect } = net;
net.connect = (options, ...rest) => connect({ ...options, localAddress }, ...rest);

// One of the libraries keeps silent about what its handlers throw.
const { emit } = EventEmitter.prototype;
EventEmitter.prototype.emit = function (...event) {
    try {
        return emit.apply(this, event);
    } catch (error) {
        tell("exception", { on: String(event[0]), stack: error.stack });
        throw error;
    }
};

const loaded = require(library);
const Client = loaded.Client ?? loaded;
const client = new Client(uri);

function tell(event, fields) {
    process.stdout.write(JSON.stringify({ event, ...fields }) + "\n");
}

client.on("hi", msg => tell("hi", { user: msg.u }));
client.on("ch", msg =>
    tell("ch", {
        room: msg.ch._id,
        me: client.participantId,
        people: Object.keys(client.ppl),
        settings: msg.ch.settings,
        crown: msg.ch.crown?.participantId ?? null,
        isOwner: Boolean(client.isOwner()),
    }));
client.on("p", () =>
    tell("p", { names: Object.values(client.ppl).map(part => part.name) }));
client.on("participant added", part => tell("added", { id: part.id }));
client.on("participant removed", part => tell("removed", { id: part.id }));
client.on("n", msg => tell("n", { p: msg.p, t: msg.t, n: msg.n }));
client.on("a", msg => tell("a", { a: msg.a, name: msg.p.name, id: msg.id, r: msg.r }));
client.on("ls", msg => tell("ls", { rooms: msg.u.map(each => each._id) }));
client.on("nq", msg => tell("nq", { max: msg.max }));
client.on("notification", msg => tell("notification", msg));
client.on("disconnect", () => tell("disconnect", {}));
client.on("wserror", () => tell("wserror", {}));

const commands = {
    send: ({ message }) => client.sendArray([message]),
    enter: ({ room, set }) => client.setChannel(room, set),
    settings: ({ set }) => client.setChannelSettings(set),
    say: ({ text }) => client.sendArray([{ m: "a", message: text }]),
    rename: ({ name }) => client.sendArray([{ m: "userset", set: { name } }]),

    // What people do when a time is up that they have been told of.
    async wait({ ms }) {
        await sleep(ms);
        tell("waited", {});
    },

    // `strokes` are [milliseconds, key, velocity]; without a velocity the key is released.
    async play({ strokes }) {
        const begin = performance.now();
        for (const [at, key, velocity] of strokes) {
            const rest = at - (performance.now() - begin);
            if (rest > 0) await sleep(rest);
            if (velocity === null) client.stopNote(key);
            else client.startNote(key, velocity);
        }
        // The library sends what it has gathered every 200 ms.
        while (client.noteBuffer.length > 0) await sleep(20);
        tell("played", {});
    },
};

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", line => {
    const command = JSON.parse(line);
    commands[command.do](command);
});
lines.on("close", () => process.exit(0));

client.start();
client.setChannel(room);
