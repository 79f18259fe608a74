/*
 * The shapes that travel, and the few that several modules share; the scripts' JSDoc refers to them,
 * and needs no imports for that: all are global.
 *
 * The wire is described in docs/protocol.md. Whatever comes in is checked where it is used, so
 * fields that a server may leave out are optional here.
 */

export {};

declare global {
  // Classes and types of the modules, by their names.

  type Away = import("./away.js").Away;
  type Chat = import("./chat.js").Chat;
  type Clock = import("./clock.js").Clock;
  type Emitter = import("./emitter.js").Emitter;
  type Engine = import("./audio/engine.js").Engine;
  type Frames = import("./frames.js").Frames;
  type Instruments = import("./audio/instruments.js").Instruments;
  type Keyboard = import("./piano/keyboard.js").Keyboard;
  type Lights = import("./piano/lights.js").Lights;
  type MidiPorts = import("./midi/ports.js").MidiPorts;
  type Mutes = import("./mutes.js").Mutes;
  type Net = import("./net.js").Net;
  type NoteQuota = import("./quota.js").NoteQuota;
  type Outgoing = import("./piano/outgoing.js").Outgoing;
  type NamePlates = import("./name_plates.js").NamePlates;
  type FilePlayer = import("./midi/file_player.js").FilePlayer;
  type PianoView = import("./piano/view.js").PianoView;
  type Player = import("./piano/player.js").Player;
  type Recorder = import("./audio/recorder.js").Recorder;
  type Room = import("./room.js").Room;
  type Trails = import("./piano/trails.js").Trails;
  type Voices = import("./audio/voices.js").Voices;
  type Instrument = keyof typeof import("./audio/instruments.js").INSTRUMENTS;

  // What modules are given.

  interface PlayerParts {
    engine: Engine;
    voices: Voices;
    lights: Lights;
    outgoing: Outgoing;
    quota: NoteQuota;
    room: Room;
    /** Told of each `note` that sounds here. */
    heard: Emitter;
  }

  interface IncomingParts {
    net: Net;
    clock: Clock;
    room: Room;
    engine: Engine;
    voices: Voices;
    lights: Lights;
    plates: NamePlates;
    mutes: Mutes;
    /** Told of each `note` that sounds here. */
    heard: Emitter;
    /** Told of each note that is to sound. */
    scheduled(note: Scheduled): void;
  }

  interface PreferencesParts {
    engine: Engine;
    instruments: Instruments;
    midi: MidiPorts;
    keyboard: Keyboard;
    trails: Trails;
  }

  // What they keep. Positions and sizes of keys are in widths of a white one.

  interface Key {
    /** `a-1` to `c7`; sharps carry an `s`. */
    name: string;
    /** 21 to 108. */
    midi: number;
    black: boolean;
    left: number;
    width: number;
  }

  /** A key's light on the keyboard, and who holds it, with his colour. */
  interface Light {
    level: number;
    color: string;
    dirty: boolean;
    holders: Map<string, string>;
  }

  /** A note that will be shown at its time; without a colour, the key goes up. */
  interface LightEvent {
    due: number;
    key: Key;
    player: string;
    color: string | null;
    /** Called when it lights up. */
    begun: () => void;
  }

  interface Trail {
    key: Key;
    color: string;
    player: string;
    /** Milliseconds of the page's clock. */
    begin: number;
    end: number | null;
  }

  /** A note that begins, or ends where it has no velocity; milliseconds. */
  interface Stroke {
    at: number;
    midi: number;
    /** 0..1 */
    velocity: number | null;
  }

  /** A notification that is shown, and what takes it away. */
  interface Card {
    card: HTMLElement;
    timer: number;
  }

  /** A MIDI port as it is offered. */
  interface Port {
    name: string;
    input: boolean;
    on: boolean;
  }

  interface Plate {
    item: HTMLLIElement;
    plate: HTMLElement;
    name: HTMLElement;
    marks: HTMLElement;
    pulsed: number;
  }

  interface Pointer {
    person: Person;
    node: HTMLElement;
    label: HTMLElement;
    x: number;
    y: number;
  }

  type Status = "connecting" | "online" | "reconnecting" | "refused";

  /** Draws; returns whether it needs the next frame too. */
  type Painter = (now: number) => boolean;

  /** A key that was down for a while; times in milliseconds. */
  interface Played {
    midi: number;
    /** 0..1 */
    velocity: number;
    begin: number;
    end: number;
  }

  /** Tick, status, two bytes of data. */
  type MidiEvent = [number, number, number, number];

  /** Tick, microseconds of a beat. */
  type Tempo = [number, number];

  /** Computes a note in steps: for a MIDI number, at so many samples per second. */
  type Recipe = (midi: number, rate: number) => Generator<void, Float32Array<ArrayBuffer>>;

  /** An instrument by its partials: ratio to the pitch, level, loss per second at middle C. */
  interface Timbre {
    seconds: number;
    level: number;
    partials: [number, number, number][];
  }

  /** Times in seconds; the sustained level 0..1. */
  interface Envelope {
    wave: OscillatorType;
    attack: number;
    decay: number;
    sustain: number;
    release: number;
  }

  /** One note, ready to be connected and started. */
  interface Sound {
    source: AudioScheduledSourceNode;
    /** Its level, which falls once the key is let go. */
    gain: GainNode;
    /** Above which frequency it is softer, Hz. */
    tone?: number;
    /** Time constant of that fall, seconds. */
    fade: number;
  }

  interface Voice {
    /** Who plays which key. */
    slot: string;
    /** Seconds of the audio context. */
    begins: number;
    fade: number;
    source: AudioScheduledSourceNode;
    gain: GainNode;
  }

  /** What the DOM's types lack: not all browsers have it. */
  interface Navigator {
    keyboard?: { getLayoutMap(): Promise<Map<string, string>> };
  }

  // What travels.

  /** Somebody whom one can write to. */
  interface Named {
    _id: string;
    name: string;
  }

  /** Somebody as the server greets him. */
  interface User extends Named {
    color: string;
  }

  /** Somebody in the room, as `ppl`, `p` and `a.p` tell it. */
  interface Person {
    /** Participant id: what `n.p`, `m.id` and `bye.p` refer to. */
    id: string;
    /** User id: what mutes and bans refer to. */
    _id: string;
    name: string;
    /** Always a checked `#rrggbb` once it is in the `Room`. */
    color: string;
    /** Percent of the window; 200 until the first move. */
    x: number;
    y: number;
    tag?: { text: string; color: string } | null;
    afk?: boolean;
    /** For whom the name could be taken: `holder` of the crown, or `staff`; empty for nobody. */
    alike?: string;
    /** Somebody whom only staff sees. */
    vanished?: boolean;
  }

  /** What a room is like; unknown keys are kept for the reconnect. */
  interface Settings {
    visible?: boolean;
    chat?: boolean;
    crownsolo?: boolean;
    lobby?: boolean;
    color?: string;
    color2?: string;
    owner_id?: string;
    notice?: string;
    limit?: number;
    [key: string]: unknown;
  }

  /** A point, percent of the window; some servers send texts. */
  interface Point {
    x: number | string;
    y: number | string;
  }

  interface Crown {
    /** Who holds it, or held it last. */
    userId: string;
    /** Missing: it lies on the floor. */
    participantId?: string | null;
    /** When it was dropped, server milliseconds. */
    time?: number;
    /** For how long it lies before others may take it, milliseconds. */
    rest?: number;
    startPos?: Point;
    endPos?: Point;
  }

  /** A room as `ch.ch` and `ls.u[]` tell it. */
  interface Channel {
    _id: string;
    /** People, not tabs. */
    count?: number;
    settings?: Settings;
    crown?: Crown;
    /** User ids; only in `ch.ch`, and only where there are any. */
    coowners?: string[];
    banned?: boolean;
  }

  /** One entry of `n.n`. */
  interface Note {
    /** Key name, `a-1` to `c7`, sharps with an `s`. */
    n: string;
    /** Velocity 0..1. */
    v?: number;
    /** Present: the key goes up. */
    s?: 1;
    /** Milliseconds after the message's `t`. */
    d?: number;
  }

  /** Any message; each reader checks what it reads. */
  type Message = Record<string, any> & { m: string };

  /** One remote note as it was handed to the audio clock. */
  interface Scheduled {
    /** Who played. */
    p: string;
    n: string;
    /** Velocity; null where the key goes up. */
    v: number | null;
    stop: boolean;
    /** The message's `t`, server milliseconds. */
    t: number;
    /** The note's `d`, milliseconds. */
    d: number;
    /** When it is due, milliseconds of the page's own clock. */
    due: number;
    /** When it sounds, seconds of the audio context; null while that is silent. */
    at: number | null;
  }

  /** One own note as it went out. */
  interface Sent {
    n: string;
    v: number | null;
    stop: boolean;
    t: number;
    d: number;
  }
}
