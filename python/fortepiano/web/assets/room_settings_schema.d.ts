/*
 * The settings that a room's moderators may change, by name. The server makes this module from
 * model/room_settings.py (http/page_modules.py).
 */

type RoomSetting =
  | { kind: "switch"; default: boolean | null }
  | { kind: "color"; default: string | null }
  | { kind: "number"; default: number | null; most: number }
  | { kind: "text"; default: string | null; longest: number };

export const SETTINGS: Record<string, RoomSetting>;
