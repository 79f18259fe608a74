/** @import { Net } from "./net.js" */
/** @import { Room } from "./room.js" */
import { closeOnBackdrop, element } from "./dom.js";
import { oneLine } from "./text.js";

/** One's own name and colour: the button that shows them and the dialog that changes them. */
export class Profile {
  #dialog = element("me", HTMLDialogElement);
  #name = element("me-name", HTMLInputElement);
  #color = element("me-color", HTMLInputElement);
  #room;

  /**
   * @param {Net} net
   * @param {Room} room
   */
  constructor(net, room) {
    this.#room = room;
    const button = element("me-open", HTMLButtonElement);
    const label = element("me-label", HTMLElement);
    button.addEventListener("click", () => this.edit());
    closeOnBackdrop(this.#dialog);
    element("me-cancel", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    room.on("self", () => {
      const self = room.self;
      if (!self) return;
      label.textContent = self.name;
      button.style.setProperty("--color", self.color);
    });
    element("me-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const name = oneLine(this.#name.value, 40);
      if (name) net.send({ m: "userset", set: { name, color: this.#color.value } });
      this.#dialog.close();
    });
  }

  edit() {
    const self = this.#room.self;
    if (self) {
      this.#name.value = self.name;
      this.#color.value = self.color;
    }
    this.#dialog.showModal();
    this.#name.select();
  }
}
