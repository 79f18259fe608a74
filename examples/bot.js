// A bot that plays a chord when somebody in its room writes `!chord`.
// Node 22 and newer have a WebSocket of their own; older ones need `npm install ws`.
"use strict";

const WebSocket = globalThis.WebSocket ?? require("ws");
const [url = "ws://localhost:8080", room = "my-room"] = process.argv.slice(2);
const socket = new WebSocket(url);

socket.onopen = () => send({ m: "hi" }, { m: "ch", _id: room });
socket.onmessage = ({ data }) => JSON.parse(data).forEach(receive);

function receive(message) {
    if (message.m !== "a" || message.a !== "!chord") return;
    send({ m: "n", t: message.t, n: ["c3", "e3", "g3"].map((n) => ({ n, v: 0.5 })) });
}

function send(...messages) {
    socket.send(JSON.stringify(messages));
}
