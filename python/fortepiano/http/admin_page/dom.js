// Makes elements. Names and words of users become text here and can become nothing else.

/**
 * Make an element.
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

/** Return a table from its heads and, for each row, a list of nodes or texts. */
export function table(heads, rows, empty) {
  if (rows.length === 0) return make("p", { class: "empty" }, empty);
  return make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))))),
  );
}

/** Return buttons beside each other from pairs of text and action. */
export const buttons = (...pairs) =>
  make("span", { class: "buttons" }, ...pairs.map(([text, act]) => make("button", { type: "button", onclick: act }, text)));

/** Return the name of a user with their colour before it and their id behind it. */
export function person(user) {
  const dot = make("i", { class: "dot" });
  dot.style.backgroundColor = user.color;
  const id = user.id ?? user.user_id;
  return make("span", { class: "person", title: id }, dot, make("bdi", {}, user.name), make("small", {}, id.slice(0, 8)));
}

/** Return a time in words, from milliseconds since 1970. */
export const moment = (at) => (at === null ? "never" : new Date(at).toLocaleString());

/** Return a search field that calls `act` with the typed text, 200 ms after the last key. */
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
