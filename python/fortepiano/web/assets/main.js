/** @import { Scheduled, Sent } from "./types.js" */
import { LOBBY, pathOf, roomOf, socketOf } from "./address.js";
import { Bank } from "./audio/bank.js";
import { Engine } from "./audio/engine.js";
import { Voices } from "./audio/voices.js";
import { Chat } from "./chat.js";
import { Clock } from "./clock.js";
import { Cursors, tellCursor } from "./cursors.js";
import { element } from "./dom.js";
import { Frames } from "./frames.js";
import { Journal, expose } from "./hook.js";
import { Net } from "./net.js";
import { Notices } from "./notices.js";
import { People } from "./people.js";
import { Incoming } from "./piano/incoming.js";
import { Keyboard } from "./piano/keyboard.js";
import { Lights } from "./piano/lights.js";
import { Outgoing } from "./piano/outgoing.js";
import { Player } from "./piano/player.js";
import { playByPointer } from "./piano/pointer.js";
import { Trails } from "./piano/trails.js";
import { PianoView } from "./piano/view.js";
import { Profile } from "./profile.js";
import { NoteQuota, showQuota } from "./quota.js";
import { Room } from "./room.js";
import { Rooms } from "./rooms.js";
import { showSound } from "./sound.js";
import { showStatus } from "./status.js";
import { wearRoomColors } from "./theme.js";
import { showTools } from "./tools.js";

// Each part knows only those that it is given here.

/** @type {Journal<Scheduled>} */
const schedule = new Journal();
/** @type {Journal<Sent>} */
const sent = new Journal();

const net = new Net(socketOf(location));
const clock = new Clock(net);
const room = new Room(net, roomOf(location));
const quota = new NoteQuota(net);
const frames = new Frames();

const engine = new Engine();
const voices = new Voices(engine, new Bank(engine.context));

const canvas = element("piano", HTMLCanvasElement);
const view = new PianoView(canvas, frames);
const lights = new Lights(view, new Trails(element("trails", HTMLCanvasElement), frames), frames);
const outgoing = new Outgoing(net, clock, (note) => sent.add(note));
const player = new Player({ engine, voices, lights, outgoing, quota, room });
const keyboard = new Keyboard(player);
playByPointer(canvas, view, player);

const profile = new Profile(net, room);
const people = new People(element("people", HTMLElement), room, () => profile.edit());
new Incoming({ net, clock, room, engine, voices, lights, people, scheduled: (note) => schedule.add(note) });
new Cursors(element("cursors", HTMLElement), room, frames);
tellCursor(net);
new Chat(net, room);
new Notices(net);
new Rooms(net, room, (name, set) => {
  history.pushState(null, "", pathOf(name));
  room.join(name, set);
});

showQuota(quota, element("quota", HTMLElement));
showSound(engine);
showStatus(net, room, clock);
showTools(player, keyboard, view);
wearRoomColors(room);

// The server has the last word on where one is: it may send one elsewhere.
room.on("joined", () => {
  if (roomOf(location) !== room.name) history.replaceState(null, "", pathOf(room.name));
  document.title = room.name === LOBBY ? "fortepiano" : `${room.name} · fortepiano`;
});
addEventListener("popstate", () => room.join(roomOf(location)));

expose({
  schedule,
  sent,
  state: () => ({
    status: net.status,
    room: room.name,
    settings: { ...room.settings },
    crown: room.crown && { ...room.crown },
    me: room.me,
    user: room.user && { ...room.user },
    people: [...room.people.values()].map((person) => ({ ...person })),
    offset: clock.offset,
    easing: clock.easing,
    latency: clock.latency,
    audio: engine.context.state,
    quota: { points: quota.points, max: quota.max, allowance: quota.allowance },
  }),
});

net.open();
