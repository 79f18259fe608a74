// One interface for all client libraries, which bot.js uses. The libraries are unmodified; where a
// library has a method for something, that method is used.
"use strict";

module.exports = { open };

function open(library, uri) {
    const loaded = require(library);
    if (library === "multiplayerpianojs") return new Callbacks(loaded, uri);
    return new Classic(loaded.Client ?? loaded, uri);
}

// The descendants of the original site's Client.js, which are event emitters by the name of messages.
class Classic {
    constructor(Client, uri) {
        this.client = new Client(uri);
        // Without a listener for `error` node exits.
        this.client.on("error", () => {});
    }

    start(room) {
        this.client.start();
        this.client.setChannel(room);
    }

    // The library's own listeners come first, so that its state is up to date.
    on(kind, listener) {
        this.client.on(kind, listener);
    }

    get me() {
        return this.client.participantId;
    }

    get people() {
        return Object.values(this.client.ppl);
    }

    get room() {
        return this.client.channel;
    }

    get isOwner() {
        return Boolean(this.client.isOwner());
    }

    get isGathering() {
        return this.client.noteBuffer.length > 0;
    }

    send(messages) {
        this.client.sendArray(messages);
    }

    enter(room, set) {
        this.client.setChannel(room, set);
    }

    settings(set) {
        if (this.client.setChannelSettings) this.client.setChannelSettings(set);
        else this.client.chset(set);
    }

    chat(message) {
        if (this.client.sendChat) this.client.sendChat(message);
        else if (this.client.say) this.client.say(message);
        else this.send([{ m: "a", message }]);
    }

    setUser(set) {
        if (this.client.userset) this.client.userset(set);
        else this.send([{ m: "userset", set }]);
    }

    point(x, y) {
        if (this.client.setCursor) this.client.setCursor(x, y);
        else if (this.client.moveMouse) this.client.moveMouse(x, y);
        else this.send([{ m: "m", x, y }]);
    }

    giveCrown(id) {
        if (this.client.chown) this.client.chown(id);
        else this.send([{ m: "chown", id }]);
    }

    ban(_id, ms) {
        if (this.client.kickBan) this.client.kickBan(_id, ms);
        else this.send([{ m: "kickban", _id, ms }]);
    }

    press(key, velocity) {
        this.client.startNote(key, velocity);
    }

    release(key) {
        this.client.stopNote(key);
    }
}

// multiplayerpianojs: it takes the messages itself, and calls back under names of its own.
class Callbacks {
    constructor(Client, uri) {
        this.client = new Client("a token that nobody knows");
        this.client.uri = uri;
        this.listeners = new Map();
        const chauffeur = this.client._messageChofer;
        this.client._messageChofer = message => {
            const kind = message.m; // some handlers delete it
            const left = kind === "bye" && this.people.find(user => user.id === message.p);
            const known = kind === "p" && this.people.some(user => user.id === message.id);
            chauffeur.call(this.client, message);
            this.dispatch(kind, message);
            if (left) this.dispatch("participant removed", left);
            if (kind === "p" && !known) this.dispatch("participant added", message);
        };
    }

    dispatch(kind, message) {
        for (const listener of this.listeners.get(kind) ?? []) listener(message);
    }

    start(room) {
        this.client.connect();
        this.client.once("connected", () => this.client.setChannel(room));
    }

    on(kind, listener) {
        if (!this.listeners.has(kind)) this.listeners.set(kind, []);
        this.listeners.get(kind).push(listener);
    }

    get me() {
        return this.client.user.id;
    }

    // The library adds a user again after each change; the last entry is the current one.
    get people() {
        const users = this.client.room.users ?? [];
        return [...new Map(users.map(user => [user.id, user])).values()];
    }

    get room() {
        return { ...this.client.room, _id: this.client.room.id };
    }

    get isOwner() {
        return this.client.hasCrown;
    }

    get isGathering() {
        return false;
    }

    send(messages) {
        this.client._sendArray(messages);
    }

    enter(room, set) {
        if (set) this.send([{ m: "ch", _id: room, set }]);
        else this.client.setChannel(room);
    }

    settings(set) {
        this.client.changeChannelSettings(set);
    }

    chat(text) {
        this.client.sendMessage(text);
    }

    setUser({ name, color }) {
        this.client.setUser(name, color);
    }

    point(x, y) {
        this.client.moveMouse(x, y);
    }

    giveCrown(id) {
        this.client.giveCrown(id);
    }

    ban(id, ms) {
        this.client.ban(id, ms);
    }

    press(key, velocity) {
        this.client.sendNotes([{ n: key, v: velocity }]);
    }

    release(key) {
        this.client.sendNotes([{ n: key, s: 1 }]);
    }
}
