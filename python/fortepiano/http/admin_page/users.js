// Users: the list, and the acts on them.

import { call } from "/admin/api.js";
import { marks } from "/admin/cluster.js";
import { act, ask, ban, textField } from "/admin/dialogs.js";
import { buttons, make, moment, person, searchField, table } from "/admin/dom.js";

let search = "";

/** Show the list. */
export async function show(view) {
  const list = make("div");
  const again = () => fill(list, again);
  view.replaceChildren(
    searchField("Search users by name or id", search, async (wanted) => {
      search = wanted;
      await again();
    }),
    list,
  );
  await again();
}

async function fill(list, again) {
  const { users, total, missing_nodes } = await call("GET", "/users", { query: { search } });
  const after = async (done) => ((await done) ? again() : undefined);
  const rows = users.map((user) => [
    person(user),
    user.tag === null ? "" : make("bdi", { class: "tag" }, user.tag.text),
    make("bdi", {}, user.rooms.join(", ")),
    user.connections,
    ...(missing_nodes === undefined ? [] : [marks(user.nodes)]),
    moment(user.since),
    buttons(
      ["Kick", () => after(kick(user))],
      ["Ban …", () => after(ban(user.id, user.name, ""))],
      ["Rename …", () => after(rename(user))],
      ["Move …", () => after(move(user))],
      ["Tag …", () => after(tag(user))],
      ["Tell …", () => notify(user)],
    ),
  ]);
  list.replaceChildren(
    table(["Who", "Tag", "Rooms", "Tabs", ...(missing_nodes === undefined ? [] : ["Nodes"]), "Known since", ""], rows, "There is nobody like that."),
    make("p", { class: "count" }, `${users.length} of ${total}`),
  );
}

async function kick(user) {
  const given = await ask(`Close all connections of ${user.name}`);
  return given !== null && act(`${user.name} is out.`, "POST", `/users/${user.id}/kick`, { body: { reason: given.reason } });
}

async function rename(user) {
  const colour = make("label", {}, "Colour ", make("input", { type: "color", name: "color", value: user.color }));
  const given = await ask(`Rename ${user.name}`, textField("Name", "name", user.name), colour);
  return given !== null && act("Done.", "PATCH", `/users/${user.id}`, { body: { name: given.name, color: given.color } });
}

async function move(user) {
  const given = await ask(`Move ${user.name}`, textField("Room", "room", "lobby"));
  return given !== null && act("Done.", "POST", `/users/${user.id}/move`, { body: { room: given.room, reason: given.reason } });
}

async function tag(user) {
  const text = make("label", {}, "Tag, empty for none ", make("input", { name: "text", value: user.tag?.text ?? "", maxLength: 40 }));
  const colour = make("label", {}, "Colour ", make("input", { type: "color", name: "color", value: user.tag?.color ?? "#5588cc" }));
  const given = await ask(`Tag ${user.name}`, text, colour);
  if (given === null) return false;
  const wanted = given.text === "" ? null : { text: given.text, color: given.color };
  return act("Done.", "PUT", `/users/${user.id}/tag`, { body: { tag: wanted } });
}

async function notify(user) {
  const given = await ask(`Tell ${user.name}`, textField("Text", "text"));
  if (given !== null) await act("They were told.", "POST", "/notices", { body: { to: "user", subject: user.id, text: given.text } });
}
