// What a view shows, written into the address so that a link shares it: `#network?set=xor&hidden=4,2`.

/** @typedef {"expression" | "network" | "digits"} View */

/** @type {View[]} */
export const VIEWS = ["expression", "network", "digits"];

/** The view that the address names, and its state. */
export function read() {
  const [name, query = ""] = location.hash.slice(1).split("?", 2);
  const view = VIEWS.find((known) => known === name) ?? VIEWS[0];
  return { view, state: new URLSearchParams(query) };
}

/**
 * Writes the state of the view without a new entry in the history.
 * @param {View} view
 * @param {URLSearchParams} state
 */
export function write(view, state) {
  if (read().view !== view) return;
  const query = state.toString().replace(/%(?:2C|3A|3B|3D|28|29|5E|2F)/g, decodeURIComponent);
  history.replaceState(null, "", `#${view}${query ? `?${query}` : ""}`);
}
