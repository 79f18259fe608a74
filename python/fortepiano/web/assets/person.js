/** @import { Chat } from "./chat.js" */
/** @import { Mutes } from "./mutes.js" */
/** @import { Net } from "./net.js" */
/** @import { Room } from "./room.js" */
/** @import { Person } from "./types.js" */
import { closeOnBackdrop, element } from "./dom.js";
import { t } from "./language.js";

/** What one can do about somebody in the room: the dialog that his name plate opens. */
export class PersonMenu {
  #dialog = element("person", HTMLDialogElement);
  #name = element("person-name", HTMLElement);
  #minutes = element("person-minutes", HTMLInputElement);
  /** @type {Person | null} */
  #person = null;
  #room;
  #mutes;

  /**
   * @param {Net} net
   * @param {Room} room
   * @param {Mutes} mutes
   * @param {Chat} chat
   */
  constructor(net, room, mutes, chat) {
    this.#room = room;
    this.#mutes = mutes;
    closeOnBackdrop(this.#dialog);
    element("person-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    /**
     * @param {string} id
     * @param {(person: Person) => void} act
     */
    const on = (id, act) => {
      element(id, HTMLButtonElement).addEventListener("click", () => {
        if (this.#person) act(this.#person);
        this.#dialog.close();
      });
    };
    on("person-notes", ({ _id }) => mutes.toggle("notes", _id));
    on("person-chat", ({ _id }) => mutes.toggle("chat", _id));
    on("person-crown", ({ id }) => net.send({ m: "chown", id }));
    on("person-beside", ({ _id }) => net.send({ m: "coowner", _id, on: true }));
    on("person-alone", ({ _id }) => net.send({ m: "coowner", _id, on: false }));
    on("person-silence", ({ _id }) => net.send({ m: "mute", _id, notes: true, chat: true }));
    on("person-unsilence", ({ _id }) => net.send({ m: "mute", _id }));
    element("person-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const minutes = this.#minutes.valueAsNumber;
      if (this.#person && minutes >= 0) net.send({ m: "kickban", _id: this.#person._id, ms: minutes * 60_000 });
      this.#dialog.close();
    });
    // Last, for what it opens takes the focus.
    element("person-dm", HTMLButtonElement).addEventListener("click", () => {
      this.#dialog.close();
      if (this.#person) chat.writeTo(this.#person);
    });
    room.on("changed", () => this.#draw());
  }

  /** @param {Person} person */
  open(person) {
    this.#person = person;
    this.#draw();
    this.#dialog.showModal();
  }

  #draw() {
    const person = this.#person;
    if (!person) return;
    this.#name.textContent = person.name;
    const label = (/** @type {string} */ id, /** @type {boolean} */ on, /** @type {string} */ yes, /** @type {string} */ no) => {
      element(id, HTMLButtonElement).textContent = on ? t(yes) : t(no);
    };
    label("person-notes", this.#mutes.notes.has(person._id), "Hear him or her again", "Do not hear");
    label("person-chat", this.#mutes.chat.has(person._id), "Show what he or she writes", "Hide what he or she writes");
    element("person-holder", HTMLElement).hidden = !this.#room.holds;
    element("person-rule", HTMLElement).hidden = !this.#room.rules;
  }
}
