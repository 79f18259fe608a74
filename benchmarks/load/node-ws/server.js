// Multiplayer Piano on `ws`, in its best form: a broadcast is framed once, and the finished frame
// is written to each socket. No quotas, no crowns, no chat, no checks. PORT is the argument.
"use strict";

const { WebSocketServer, Sender } = require("ws");

const FRAME = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: false };
const SETTINGS = { visible: true, chat: true, crownsolo: false, color: "#3b5054" };

const rooms = new Map();
const listing = new Set();
let people = 0;

function broadcast(receivers, message, except) {
  const frame = Buffer.concat(Sender.frame(Buffer.from(JSON.stringify([message])), { ...FRAME }));
  for (const client of receivers) {
    // Past `ws`, whose send() would frame it anew for each; nothing else writes to the socket then.
    if (client !== except) client.wire._socket.write(frame);
  }
}

function send(client, ...messages) {
  client.wire.send(JSON.stringify(messages));
}

function info(room) {
  return { _id: room.name, id: room.name, count: room.people.size, settings: SETTINGS };
}

function sendListChange(room) {
  if (listing.size) broadcast(listing, { m: "ls", c: false, u: [info(room)] });
}

function leave(client) {
  const room = client.room;
  if (!room) return;
  client.room = null;
  room.people.delete(client);
  if (room.people.size) broadcast(room.people, { m: "bye", p: client.entry.id });
  else rooms.delete(room.name);
  sendListChange(room);
}

const handlers = {
  n(client, { t, n }) {
    if (client.room) broadcast(client.room.people, { m: "n", t, p: client.entry.id, n }, client);
  },
  m(client, { x, y }) {
    Object.assign(client.entry, { x, y });
    if (client.room) broadcast(client.room.people, { m: "m", id: client.entry.id, x, y }, client);
  },
  t(client, { e }) {
    send(client, { m: "t", t: Date.now(), e });
  },
  hi(client) {
    send(client, { m: "hi", t: Date.now(), u: client.entry, motd: "" });
  },
  ch(client, { _id: name }) {
    leave(client);
    if (!rooms.has(name)) rooms.set(name, { name, people: new Set() });
    const room = (client.room = rooms.get(name));
    room.people.add(client);
    const ppl = Array.from(room.people, (other) => other.entry);
    send(
      client,
      { m: "ch", p: client.entry.id, ch: info(room), ppl },
      { m: "c", c: [] },
      { m: "nq", allowance: 8000, max: 24000, maxHistLen: 3 },
    );
    broadcast(room.people, { m: "p", ...client.entry }, client);
    sendListChange(room);
  },
  "+ls"(client) {
    listing.add(client);
    send(client, { m: "ls", c: true, u: Array.from(rooms.values(), info) });
  },
  "-ls"(client) {
    listing.delete(client);
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
  const client = { wire, room: null, entry: { id, _id: id, name: "Anonymous", color, x: 200, y: 100 } };
  wire.on("message", (text) => {
    for (const message of JSON.parse(text)) {
      if (Object.hasOwn(handlers, message.m)) handlers[message.m](client, message);
    }
  });
  wire.on("error", () => wire.terminate());
  wire.on("close", () => {
    listing.delete(client);
    leave(client);
  });
});
