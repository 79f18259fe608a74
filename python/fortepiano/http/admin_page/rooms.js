// Rooms: the list, one room, and the acts on it.

import { call, Refusal } from "/admin/api.js";
import { marks } from "/admin/cluster.js";
import { act, ask, ban, textField, toast } from "/admin/dialogs.js";
import { buttons, make, moment, person, searchField, table } from "/admin/dom.js";

let search = "";

/** Show the list. */
export async function show(view) {
  const list = make("div");
  view.replaceChildren(
    searchField("Search rooms", search, async (wanted) => {
      search = wanted;
      await fill(view, list);
    }),
    list,
  );
  await fill(view, list);
}

async function fill(view, list) {
  const { rooms, total, missing_nodes } = await call("GET", "/rooms", { query: { search } });
  const rows = rooms.map((room) => [
    make("button", { type: "button", class: "link", onclick: () => guarded(() => open(view, room.name)) }, make("bdi", {}, room.name)),
    room.people,
    ...(missing_nodes === undefined ? [] : [marks(room.node === undefined ? [] : [room.node])]),
    [room.special && "lobby", room.permanent && "permanent", !room.settings.visible && "hidden", room.settings.crownsolo && "solo"].filter(Boolean).join(", "),
  ]);
  const heads = ["Room", "People", ...(missing_nodes === undefined ? [] : ["Home"]), ""];
  list.replaceChildren(table(heads, rows, "There is no such room."), make("p", { class: "count" }, `${rooms.length} of ${total}`));
}

async function guarded(what) {
  try {
    await what();
  } catch (error) {
    toast(error.message, true);
  }
}

async function open(view, name) {
  const room = await call("GET", "/room", { query: { name } });
  const again = () =>
    guarded(async () => {
      try {
        await open(view, name);
      } catch (error) {
        // The last participant may have been put out, and then the room is gone.
        if (!(error instanceof Refusal) || error.status !== 404) throw error;
        await show(view);
      }
    });
  const after = async (done) => ((await done) ? again() : undefined);
  const query = { name };
  const people = room.participants.map((one) => [
    person(one),
    [one.user_id === room.holder && "crown", one.hidden && "hidden", one.muted_notes && "notes muted", one.muted_chat && "chat muted"].filter(Boolean).join(", "),
    buttons(
      ["Kick", () => after(kick(one, name))],
      ["Ban …", () => after(ban(one.user_id, one.name, name))],
      ["Site ban …", () => after(ban(one.user_id, one.name, ""))],
      ["Mute", () => after(mute(one, name))],
      ...(room.special ? [] : [["Crown", () => after(act("The crown is given.", "PUT", "/room/crown", { query, body: { holder: one.user_id } }))]]),
    ),
  ]);
  view.replaceChildren(
    buttons(["← All rooms", () => guarded(() => show(view))]),
    make("h2", {}, make("bdi", {}, name), " ", room.node === undefined ? null : marks([room.node])),
    buttons(
      ["Clear chat", () => after(act("The chat is cleared.", "DELETE", "/room/chat", { query }))],
      ["Tell all …", () => notify(name)],
      ...(room.special
        ? []
        : [
            [room.settings.visible ? "Hide" : "Show in list", () => after(set(query, { visible: !room.settings.visible }))],
            [room.settings.chat ? "Chat off" : "Chat on", () => after(set(query, { chat: !room.settings.chat }))],
            [room.settings.crownsolo ? "Let all play" : "Only the crown plays", () => after(set(query, { crownsolo: !room.settings.crownsolo }))],
            ["Drop the crown", () => after(act("The crown has fallen.", "PUT", "/room/crown", { query, body: { holder: null } }))],
            ["Close …", () => close(view, name)],
          ]),
      [room.permanent ? "Not permanent" : "Permanent", () => after(act("Done.", "PUT", "/room/permanent", { query, body: { permanent: !room.permanent } }))],
    ),
    table(["Who", "", ""], people, "Nobody is here."),
    make("h3", {}, "Chat"),
    make("ol", { class: "happenings" }, ...room.chat.map((line) => make("li", {}, make("time", {}, moment(line.at)), make("b", {}, make("bdi", {}, line.name)), make("bdi", {}, line.text)))),
  );
}

const set = (query, body) => act("It is set.", "PATCH", "/room/settings", { query, body });

async function kick(user, room) {
  const given = await ask(`Put ${user.name} out of “${room}”`);
  return given !== null && act(`${user.name} is out.`, "POST", `/users/${user.user_id}/kick`, { body: { room, reason: given.reason } });
}

async function mute(user, room) {
  const isMuted = user.muted_notes || user.muted_chat;
  const given = await ask(isMuted ? `Let ${user.name} be heard again` : `Mute ${user.name} in “${room}”`);
  const body = { room, notes: !isMuted, chat: !isMuted, reason: given?.reason };
  return given !== null && act("Done.", "PUT", `/users/${user.user_id}/mute`, { body });
}

async function notify(room) {
  const given = await ask(`Tell all in “${room}”`, textField("Text", "text"));
  if (given !== null) await act("They were told.", "POST", "/notices", { body: { to: "room", room, text: given.text } });
}

async function close(view, name) {
  const given = await ask(`Close “${name}”`);
  if (given !== null && (await act("The room is closed.", "POST", "/room/close", { query: { name }, body: { reason: given.reason } }))) await guarded(() => show(view));
}
