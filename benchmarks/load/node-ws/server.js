// Multiplayer Piano on `ws`, in its fastest form: `node server.js PORT`. A broadcast is framed once,
// and the finished frame is written to each socket. No quotas, no crowns, no chat, no checks.
"use strict";

const { WebSocketServer, Sender } = require("ws");

const FRAME = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: false };
const SETTINGS = { visible: true, chat: true, crownsolo: false, color: "#3b5054" };

const rooms = new Map();
const listing = new Set();
let people = 0;

function broadcast(receivers, message, except) {
  const frame = Buffer.concat(Sender.frame(Buffer.from(JSON.stringify([message])), { ...FRAME }));
  for (const person of receivers) {
    // Bypass `ws`, whose send() would frame the message again for each socket. This is safe, since
    // nothing else writes to the socket at that time.
    if (person !== except) person.wire._socket.write(frame);
  }
}

function send(person, ...messages) {
  person.wire.send(JSON.stringify(messages));
}

function info(room) {
  return { _id: room.name, id: room.name, count: room.people.size, settings: SETTINGS };
}

function broadcastRoom(room) {
  if (listing.size) broadcast(listing, { m: "ls", c: false, u: [info(room)] });
}

function leave(person) {
  const room = person.room;
  if (!room) return;
  person.room = null;
  room.people.delete(person);
  if (room.people.size) broadcast(room.people, { m: "bye", p: person.entry.id });
  else rooms.delete(room.name);
  broadcastRoom(room);
}

const handlers = {
  n(person, { t, n }) {
    if (person.room) broadcast(person.room.people, { m: "n", t, p: person.entry.id, n }, person);
  },
  m(person, { x, y }) {
    Object.assign(person.entry, { x, y });
    if (person.room) broadcast(person.room.people, { m: "m", id: person.entry.id, x, y }, person);
  },
  t(person, { e }) {
    send(person, { m: "t", t: Date.now(), e });
  },
  hi(person) {
    send(person, { m: "hi", t: Date.now(), u: person.entry, motd: "" });
  },
  ch(person, { _id: name }) {
    leave(person);
    if (!rooms.has(name)) rooms.set(name, { name, people: new Set() });
    const room = (person.room = rooms.get(name));
    room.people.add(person);
    const ppl = Array.from(room.people, (other) => other.entry);
    send(
      person,
      { m: "ch", p: person.entry.id, ch: info(room), ppl },
      { m: "c", c: [] },
      { m: "nq", allowance: 8000, max: 24000, maxHistLen: 3 },
    );
    broadcast(room.people, { m: "p", ...person.entry }, person);
    broadcastRoom(room);
  },
  "+ls"(person) {
    listing.add(person);
    send(person, { m: "ls", c: true, u: Array.from(rooms.values(), info) });
  },
  "-ls"(person) {
    listing.delete(person);
  },
};

new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  backlog: 4096,
  perMessageDeflate: false,
}).on("connection", (wire) => {
  const number = ++people;
  const id = number.toString(16).padStart(24, "0");
  const color = "#" + (number & 0xffffff).toString(16).padStart(6, "0");
  const person = { wire, room: null, entry: { id, _id: id, name: "Anonymous", color, x: 200, y: 100 } };
  wire.on("message", (text) => {
    for (const message of JSON.parse(text)) {
      if (Object.hasOwn(handlers, message.m)) handlers[message.m](person, message);
    }
  });
  wire.on("error", () => wire.terminate());
  wire.on("close", () => {
    listing.delete(person);
    leave(person);
  });
});
