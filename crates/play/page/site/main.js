// One page, three views. Which one is shown, and with what, stands in the address.

import { find } from "./dom.js";
import { VIEWS, read } from "./link.js";
import { transport } from "./transport.js";
import { expression } from "./expression.js";
import { NetworkView } from "./network.js";
import { digits } from "./digits.js";

/**
 * A view: shown with a state from the address, and left.
 * @typedef {{ open(state: URLSearchParams): void, close(): void }} Shown
 */

const problem = find("problem", HTMLElement);

/** @param {unknown} error */
function tell(error) {
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = false;
}

/** @param {Record<string, Shown>} views */
function show(views) {
  const { view, state } = read();
  problem.hidden = true;
  for (const name of VIEWS) {
    const link = find(`to-${name}`, HTMLAnchorElement);
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (name !== view && !find(name, HTMLElement).hidden) views[name].close();
    find(name, HTMLElement).hidden = name !== view;
  }
  document.title = `${find(`to-${view}`, HTMLElement).textContent} · chainrule playground`;
  views[view].open(state);
}

async function share() {
  const said = find("said", HTMLElement);
  const button = find("share", HTMLButtonElement);
  try {
    await navigator.clipboard.writeText(location.href);
    said.textContent = "The link is copied.";
    button.textContent = "Copied";
  } catch {
    said.textContent = "The link stands in the address bar.";
    button.textContent = "See the address";
  }
  setTimeout(() => { button.textContent = "Copy link"; }, 2000);
}

async function start() {
  const engine = transport();
  const hello = await engine.call("hello", {});
  find("place", HTMLElement).textContent = `chainrule ${hello.version} · the engine is ${engine.place}`;
  const views = { expression: expression(engine, hello), network: new NetworkView(engine, hello), digits: digits(engine) };
  window.addEventListener("hashchange", () => show(views));
  show(views);
}

window.addEventListener("error", (event) => tell(event.error ?? event.message));
window.addEventListener("unhandledrejection", (event) => tell(event.reason));
find("share", HTMLButtonElement).addEventListener("click", share);
// The address is taken by the view, so this link only moves the focus.
find("skip", HTMLAnchorElement).addEventListener("click", (event) => {
  event.preventDefault();
  find("main", HTMLElement).focus();
});
start();
