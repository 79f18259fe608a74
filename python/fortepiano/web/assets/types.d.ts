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

  type Chat = import("./chat.js").Chat;
  type Clock = import("./clock.js").Clock;
  type Emitter = import("./emitter.js").Emitter;
  type Engine = import("./audio/engine.js").Engine;
  type Frames = import("./frames.js").Frames;
  type Instruments = import("./audio/instruments.js").Instruments;
  type Key = import("./piano/keys.js").Key;
  type Keyboard = import("./piano/keyboard.js").Keyboard;
  type Lights = import("./piano/lights.js").Lights;
  type MidiPorts = import("./midi/ports.js").MidiPorts;
  type Mutes = import("./mutes.js").Mutes;
  type Net = import("./net.js").Net;
  type NoteQuota = import("./quota.js").NoteQuota;
  type Outgoing = import("./piano/outgoing.js").Outgoing;
  type People = import("./people.js").People;
  type Concert = import("./midi/concert.js").Concert;
  type PianoView = import("./piano/view.js").PianoView;
  type Played = import("./midi/file.js").Played;
  type Player = import("./piano/player.js").Player;
  type Recipe = import("./audio/bank.js").Recipe;
  type Recorder = import("./audio/recorder.js").Recorder;
  type Room = import("./room.js").Room;
  type Trails = import("./piano/trails.js").Trails;
  type Voices = import("./audio/voices.js").Voices;

  // What travels.

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
