/**
 * The shapes that travel, and the few that several modules share. Types only: nothing here runs.
 *
 * The wire is described in docs/protocol.md. Whatever comes in is checked where it is used, so
 * fields that a server may leave out are optional here.
 */

/**
 * @typedef {object} Person            Somebody in the room, as `ppl`, `p` and `a.p` tell it.
 * @property {string} id               Participant id: what `n.p`, `m.id` and `bye.p` refer to.
 * @property {string} _id              User id: what mutes and bans refer to.
 * @property {string} name
 * @property {string} color            Always a checked `#rrggbb` once it is in the `Room`.
 * @property {number} x                Percent of the window; 200 until the first move.
 * @property {number} y
 */

/**
 * @typedef {object} Settings          What a room is like; unknown keys are kept for the reconnect.
 * @property {boolean} [visible]
 * @property {boolean} [chat]
 * @property {boolean} [crownsolo]
 * @property {boolean} [lobby]
 * @property {string} [color]
 * @property {string} [color2]
 */

/**
 * @typedef {object} Crown
 * @property {string} userId
 * @property {string | null} [participantId]   Missing: it lies on the floor.
 * @property {number} [time]
 */

/**
 * @typedef {object} Channel           A room as `ch.ch` and `ls.u[]` tell it.
 * @property {string} _id
 * @property {number} [count]          People, not tabs.
 * @property {Settings} [settings]
 * @property {Crown} [crown]
 * @property {boolean} [banned]
 */

/**
 * @typedef {object} Note              One entry of `n.n`.
 * @property {string} n                Key name, `a-1` to `c7`, sharps with an `s`.
 * @property {number} [v]              Velocity 0..1.
 * @property {1} [s]                   Present: the key goes up.
 * @property {number} [d]              Milliseconds after the message's `t`.
 */

/**
 * @typedef {Record<string, any> & { m: string }} Message   Any message; each reader checks what it reads.
 */

/**
 * @typedef {object} Scheduled         One remote note as it was handed to the audio clock.
 * @property {string} p                Who played.
 * @property {string} n                Key name.
 * @property {number | null} v         Velocity; null where the key goes up.
 * @property {boolean} stop            Whether the key goes up.
 * @property {number} t                The message's `t`, server milliseconds.
 * @property {number} d                The note's `d`, milliseconds.
 * @property {number} due              When it is due, milliseconds of the page's own clock.
 * @property {number | null} at        When it sounds, seconds of the audio context; null while that is silent.
 */

/**
 * @typedef {object} Sent              One own note as it went out.
 * @property {string} n
 * @property {number | null} v
 * @property {boolean} stop
 * @property {number} t
 * @property {number} d
 */

export {};
