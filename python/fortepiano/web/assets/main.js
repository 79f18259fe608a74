import { pathOf, roomOf, socketOf } from "./address.js";
import { Engine } from "./audio/engine.js";
import { Instruments } from "./audio/instruments.js";
import { Recorder } from "./audio/recorder.js";
import { Voices } from "./audio/voices.js";
import { Away } from "./away.js";
import { Chat } from "./chat.js";
import { Clock } from "./clock.js";
import { showFallenCrown } from "./crown.js";
import { Pointers, sendPointer } from "./pointers.js";
import { element } from "./dom.js";
import { Emitter } from "./emitter.js";
import { Frames } from "./frames.js";
import { Journal, expose } from "./testing.js";
import { translate } from "./language.js";
import { FilePlayer } from "./midi/file_player.js";
import { MidiPorts } from "./midi/ports.js";
import { Mutes } from "./mutes.js";
import { Net } from "./net.js";
import { Notices } from "./notices.js";
import { NamePlates } from "./name_plates.js";
import { ParticipantMenu } from "./participant_menu.js";
import { Incoming } from "./piano/incoming.js";
import { Keyboard } from "./piano/keyboard.js";
import { Lights } from "./piano/lights.js";
import { NoteMute } from "./piano/note_mute.js";
import { Outgoing } from "./piano/outgoing.js";
import { Player } from "./piano/player.js";
import { playByPointer } from "./piano/pointer_input.js";
import { Trails } from "./piano/trails.js";
import { PianoView } from "./piano/view.js";
import { Preferences } from "./preferences.js";
import { showProfile } from "./profile.js";
import { NoteQuota, showQuota } from "./quota.js";
import { Room } from "./room.js";
import { RoomList } from "./room_list.js";
import { RoomSettings } from "./room_settings.js";
import { showShare } from "./share.js";
import { showSound } from "./sound.js";
import { showStatus } from "./status.js";
import { showFilePlayer } from "./playing.js";
import { showRecording } from "./recording.js";
import { wearRoomColors } from "./theme.js";
import { showTools } from "./toolbar.js";
import { showUnheard } from "./unheard.js";

await translate();

// Each part knows only the parts that it is given here.

/** @type {Journal<Scheduled>} */
const schedule = new Journal();
/** @type {Journal<Sent>} */
const sent = new Journal();
const samples = document.querySelector("meta[name=samples]")?.getAttribute("content") ?? "";

const net = new Net(socketOf(location));
const clock = new Clock(net);
const room = new Room(net, roomOf(location));
const quota = new NoteQuota(net);
const frames = new Frames();
const mutes = new Mutes();
// Every note that sounds here, own or not: for recordings and MIDI instruments.
const heard = new Emitter();

const engine = new Engine();
const instruments = new Instruments(engine.context, samples);
const voices = new Voices(engine, instruments);

const canvas = element("piano", HTMLCanvasElement);
const view = new PianoView(canvas, frames);
const trails = new Trails(element("trails", HTMLCanvasElement), frames);
const lights = new Lights(view, trails, frames);
const outgoing = new Outgoing(net, clock, (note) => sent.add(note));
const player = new Player({ engine, voices, lights, mute: new NoteMute(net, room), outgoing, quota, room, heard });
const keyboard = new Keyboard(player);
const midi = new MidiPorts(player, heard);
playByPointer(canvas, view, player);

const chat = new Chat(net, room, mutes);
const menu = new ParticipantMenu(net, room, mutes, chat);
const plates = new NamePlates(element("people"), room, mutes, (person) =>
	person.id === room.me ? element("me-open", HTMLButtonElement).click() : menu.open(person),
);
new Incoming({ net, clock, room, engine, voices, lights, plates, mutes, heard, scheduled: (note) => schedule.add(note) });
new Pointers(element("cursors"), room, frames);
sendPointer(net);
showFallenCrown(element("floor"), net, room, clock);
const notices = new Notices(net);
new RoomList(net, room, (name, set) => {
	history.pushState(null, "", pathOf(name));
	room.join(name, set);
});
new RoomSettings(net, room);
new Preferences({ engine, instruments, midi, keyboard, trails });
const concert = new FilePlayer({ player, trails, room });
const notify = (/** @type {string} */ text) => notices.show({ text, duration: 8000 });
showRecording(new Recorder(engine, heard), room, notify);
showFilePlayer(concert, notify);

showQuota(net, quota, element("quota"));
showProfile(net, room, new Away(net, room, midi));
showShare();
showSound(engine);
showStatus(net, room, clock);
showTools(player, keyboard, view);
showUnheard(player, room, element("unheard"));
wearRoomColors(room);

// The server decides on the room and may move the user to another one.
room.on("joined", () => {
	if (roomOf(location) !== room.name) history.replaceState(null, "", pathOf(room.name));
});
addEventListener("popstate", () => room.join(roomOf(location)));
midi.on("change", () => {
	const list = midi.ports.map(({ name, input, on }) => ({ type: input ? "input" : "output", name, enabled: on }));
	net.send({ m: "devices", list });
});

expose({
	schedule,
	sent,
	state: () => structuredClone({
		status: net.status,
		room: room.name,
		settings: room.settings,
		crown: room.crown,
		me: room.me,
		user: room.user,
		people: [...room.people.values()],
		offset: clock.offset,
		easing: clock.easing,
		latency: clock.latency,
		audio: engine.context.state,
		quota: { points: quota.points, max: quota.max, allowance: quota.allowance },
		sound: { instrument: instruments.chosen, ready: instruments.ready, recorded: instruments.recorded },
		concert: { playing: concert.playing, position: concert.position, left: concert.left },
	}),
});

net.open();
