/** @import { Person } from "./types.js" */
/** @import { Room } from "./room.js" */
import { icon, make } from "./dom.js";
import { inkOn } from "./color.js";

// A plate hops with its owner's playing, not with each of his notes.
const PULSE = 160;

/** @typedef {{ item: HTMLLIElement, plate: HTMLElement, name: HTMLElement, crown: SVGSVGElement, pulsed: number }} Plate */

/** The name plates of all who are in the room; one's own opens the dialog for name and colour. */
export class People {
  /** @type {Map<string, Plate>} */
  #plates = new Map();
  #still = matchMedia("(prefers-reduced-motion: reduce)");
  #list;
  #room;
  #edit;

  /**
   * @param {HTMLElement} list
   * @param {Room} room
   * @param {() => void} edit opens the dialog for one's own name
   */
  constructor(list, room, edit) {
    this.#list = list;
    this.#room = room;
    this.#edit = edit;
    room.on("person", (person) => this.#show(person));
    room.on("left", (id) => {
      this.#plates.get(id)?.item.remove();
      this.#plates.delete(id);
    });
    room.on("changed", () => this.#crown());
    room.on("joined", () => this.#crown());
  }

  /**
   * Lets a plate hop because its owner plays.
   *
   * @param {string} id
   * @param {number} now milliseconds
   */
  pulse(id, now) {
    const plate = this.#plates.get(id);
    if (!plate || now - plate.pulsed < PULSE || this.#still.matches) return;
    plate.pulsed = now;
    plate.plate.animate([{ transform: "translateY(-4px)" }, { transform: "none" }], 260);
  }

  /** @param {Person} person */
  #show(person) {
    const plate = this.#plates.get(person.id) ?? this.#add(person);
    plate.name.textContent = person.name;
    plate.plate.title = person.name;
    plate.plate.style.setProperty("--color", person.color);
    plate.plate.style.setProperty("--ink", inkOn(person.color));
  }

  /** @param {Person} person */
  #add(person) {
    const own = person.id === this.#room.me;
    const item = make("li");
    const plate = make(own ? "button" : "span", "plate");
    const name = make("bdi", "plate-name");
    const crown = icon("crown");
    crown.classList.add("plate-crown");
    crown.setAttribute("hidden", "");
    plate.append(crown, name);
    if (own) {
      plate.append(make("span", "plate-you", "you"));
      plate.addEventListener("click", this.#edit);
    }
    item.append(plate);
    if (own) this.#list.prepend(item);
    else this.#list.append(item);
    const made = { item, plate, name, crown, pulsed: 0 };
    this.#plates.set(person.id, made);
    return made;
  }

  #crown() {
    const holder = this.#room.holder?.id;
    for (const [id, { crown, plate }] of this.#plates) {
      crown.toggleAttribute("hidden", id !== holder);
      plate.classList.toggle("crowned", id === holder);
    }
  }
}
