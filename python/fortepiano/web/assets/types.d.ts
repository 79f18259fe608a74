/*
 * The shapes of messages, and those that several modules share. All are global, so the scripts' JSDoc
 * refers to them without imports.
 *
 * docs/protocol.md describes the wire. Messages are checked at their use, so fields that a server may
 * leave out are optional here.
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
  type NoteMute = import("./piano/note_mute.js").NoteMute;
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

  // Parts that modules are given.

  interface PlayerParts {
    engine: Engine;
    voices: Voices;
    lights: Lights;
    mute: NoteMute;
    outgoing: Outgoing;
    quota: NoteQuota;
    room: Room;
    /** Emits each `note` that sounds here. */
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
    /** Emits each `note` that sounds here. */
    heard: Emitter;
    /** Called with each note that is to sound. */
    scheduled(note: Scheduled): void;
  }

  interface PreferencesParts {
    engine: Engine;
    instruments: Instruments;
    midi: MidiPorts;
    keyboard: Keyboard;
    trails: Trails;
  }

  // State of modules. Positions and sizes of keys are in widths of a white key.

  interface Key {
    /** `a-1` to `c7`; sharps carry an `s`. */
    name: string;
    /** 21 to 108. */
    midi: number;
    black: boolean;
    left: number;
    width: number;
  }

  /** The light of a key on the keyboard, and the colours of its holders by player. */
  interface Light {
    level: number;
    color: string;
    dirty: boolean;
    holders: Map<string, string>;
  }

  /** x, y, width, height. */
  type Rectangle = [number, number, number, number];

  /** Why the others do not hear a note. */
  type Unheard = "alone" | "solo" | "muted" | "quota";

  /** A note to show at its time; without a colour, the key goes up. */
  interface LightEvent {
    due: number;
    key: Key;
    player: string;
    color: string | null;
    /** Called when the key lights up. */
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

  interface ComingTrail extends Trail {
    /** Milliseconds from the top to the keys. */
    fall: number;
  }

  /** The notes of a file by column, in the order of their beginning; times in milliseconds. */
  interface Song {
    begin: Float64Array<ArrayBuffer>;
    end: Float64Array<ArrayBuffer>;
    /** MIDI numbers, 21 to 108. */
    key: Uint8Array<ArrayBuffer>;
    /** 1 to 127. */
    velocity: Uint8Array<ArrayBuffer>;
    length: number;
    /** Whether the end of the file is missing. */
    cut: boolean;
  }

  /** Notes that were heard, by column; times in milliseconds. */
  interface Recording {
    length: number;
    /** Names of the players. */
    names: string[];
    at: Float64Array<ArrayBuffer>;
    key: Uint8Array<ArrayBuffer>;
    /** 1 to 127; 0 where the key goes up. */
    velocity: Uint8Array<ArrayBuffer>;
    /** Numbers in `names`. */
    player: Uint32Array<ArrayBuffer>;
  }

  /** A message of the worker for MIDI files: the share that is done, a fault in words, or the result. */
  interface FileAnswer {
    progress?: number;
    fault?: string;
    done?: Song | Uint8Array<ArrayBuffer>;
  }

  /** A visible notice, and the timer that removes it. */
  interface Card {
    card: HTMLElement;
    timer: number;
  }

  /** A MIDI port, as offered to the user. */
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
    person: Participant;
    node: HTMLElement;
    label: HTMLElement;
    x: number;
    y: number;
  }

  /** The end of a connection, or its refusal, whose words `/readyz` has. */
  interface Ending {
    meaning?: string;
    /** Whether the page comes back; absent for yes. */
    retry?: boolean;
  }

  type Status = "connecting" | "online" | "reconnecting" | "refused";

  /** Draws; returns whether the next frame is needed too. */
  type Painter = (now: number) => boolean;

  /** The events of a MIDI file's notes and pedals, by column. */
  interface MidiEvents {
    /** Ticks of a beat, or of a second, as in the head of the file. */
    division: number;
    ticks: number[];
    /** Status, first and second byte of data, from the upper bits. */
    events: number[];
    tempos: Tempo[];
    /** Whether the end of a track is missing. */
    cut: boolean;
  }

  /** Tick, microseconds of a beat. */
  type Tempo = [number, number];

  /** Computes a note in steps, from a MIDI number and the samples per second. */
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
    /** Level of the note, which falls after the release of the key. */
    gain: GainNode;
    /** Frequency above which the note is softer, Hz. */
    tone?: number;
    /** Time constant of the fall after the release, seconds. */
    fade: number;
  }

  interface Voice {
    /** MIDI number and player. */
    slot: string;
    /** Seconds of the audio context. */
    begins: number;
    fade: number;
    source: AudioScheduledSourceNode;
    gain: GainNode;
  }

  /** A part of some browsers that the DOM's types lack. */
  interface Navigator {
    keyboard?: { getLayoutMap(): Promise<Map<string, string>> };
    audioSession?: { type: string };
  }

  // Shapes on the wire.

  /** A user to write to. */
  interface Named {
    _id: string;
    name: string;
  }

  /** A user, as in the server's `hi`. */
  interface User extends Named {
    color: string;
  }

  /** A participant of the room, as in `ppl`, `p` and `a.p`. */
  interface Participant {
    /** Participant id, to which `n.p`, `m.id` and `bye.p` refer. */
    id: string;
    /** User id, to which mutes and bans refer. */
    _id: string;
    name: string;
    /** In the `Room` always a checked `#rrggbb`. */
    color: string;
    /** Percent of the window; 200 until the first move. */
    x: number;
    y: number;
    tag?: { text: string; color: string } | null;
    afk?: boolean;
    /** Owner of a similar name: `holder` of the crown, or `staff`; else empty. */
    alike?: string;
    /** Whether only staff sees this participant. */
    vanished?: boolean;
  }

  /** Settings of a room; unknown keys are stored for the reconnect. */
  interface Settings {
    visible?: boolean;
    chat?: boolean;
    crownsolo?: boolean;
    color?: string;
    color2?: string;
    allowBots?: boolean;
    noindex?: boolean;
    "no cussing"?: boolean;
    limit?: number;
    minOnlineTime?: number;
    inviteOnly?: boolean;
    slowMode?: number;
    noteQuota?: number;
    notice?: string;
    lobby?: boolean;
    owner_id?: string;
    [key: string]: unknown;
  }

  /** A point, percent of the window; some servers send strings. */
  interface Point {
    x: number | string;
    y: number | string;
  }

  interface Crown {
    /** The holder, or the last one. */
    userId: string;
    /** Missing while the crown lies on the floor. */
    participantId?: string | null;
    /** Time of the fall, server milliseconds. */
    time?: number;
    /** Time after the fall until others may take the crown, milliseconds. */
    rest?: number;
    startPos?: Point;
    endPos?: Point;
  }

  /** A room, as in `ch.ch` and `ls.u[]`. */
  interface Channel {
    _id: string;
    /** Number of participants, not tabs. */
    count?: number;
    settings?: Settings;
    crown?: Crown;
    /** User ids; only in `ch.ch`, and missing where there are none. */
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

  /** One remote note, as handed to the audio clock. */
  interface Scheduled {
    /** Id of the player. */
    p: string;
    n: string;
    /** Velocity; null where the key goes up. */
    v: number | null;
    stop: boolean;
    /** The message's `t`, server milliseconds. */
    t: number;
    /** The note's `d`, milliseconds. */
    d: number;
    /** Time at which the note is due, milliseconds of the page's own clock. */
    due: number;
    /** Time at which the note sounds, seconds of the audio context; null while that is silent. */
    at: number | null;
  }

  /** One own note, as sent. */
  interface Sent {
    n: string;
    v: number | null;
    stop: boolean;
    t: number;
    d: number;
  }
}
