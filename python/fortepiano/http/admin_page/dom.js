// Makes elements. What people call themselves becomes text here and can become nothing else.

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [properties] `class`, `on…` listeners, `data-…` and `aria-…`
 *   attributes, anything else as a property
 * @param {...(Node|string|number|null)} children
 * @returns {any}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/** @param {string} id @returns {any} */
export const get = (id) => document.getElementById(id);

/** A table: its heads, and for each row a list of nodes or texts. */
export function table(heads, rows, empty) {
  if (rows.length === 0) return make("p", { class: "empty" }, empty);
  return make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))))),
  );
}

/** Buttons beside each other: texts and what they do. */
export const buttons = (...pairs) =>
  make("span", { class: "buttons" }, ...pairs.map(([text, act]) => make("button", { type: "button", onclick: act }, text)));

/** A name as its owner wrote it, in his colour, with his id behind it. */
export function person(user) {
  const dot = make("i", { class: "dot" });
  dot.style.backgroundColor = user.color;
  const id = user.id ?? user.user_id;
  return make("span", { class: "person", title: id }, dot, make("bdi", {}, user.name), make("small", {}, id.slice(0, 8)));
}

/** When something was: milliseconds since 1970. */
export const moment = (at) => (at === null ? "never" : new Date(at).toLocaleString());

/** A search field that tells of what is typed, a moment after the last key. */
export function searchField(label, value, act) {
  let timer = 0;
  return make("input", {
    type: "search",
    placeholder: label,
    "aria-label": label,
    value,
    oninput: (event) => {
      clearTimeout(timer);
      timer = setTimeout(() => act(event.target.value), 200);
    },
  });
}
