// The network as a diagram: a map on each neuron, edges coloured by the sign of their weight and as thick as its size.

import { button, make } from "./dom.js";
import { paintMap } from "./colours.js";
import { between, nearest, paint } from "./edges.js";

/** @import {Begun, Choice, Frame, Hello, Settings} from "../types.js" */
/** @import {Line} from "./edges.js" */

/**
 * What the diagram asks for.
 * @typedef {object} Wishes
 * @property {(choice: Choice) => void} choose
 * @property {(features: string[]) => void} features
 * @property {(hidden: number[]) => void} hidden
 */

/** What stands under a neuron. @typedef {{ text: string, kind: "" | "value" | "pile", now: boolean }} Badge */

/** Layers with more neurons have smaller tiles. */
const CROWDED = 8;

/** @param {string} feature */
export const pretty = (feature) => feature.replace("^2", "²");

/** Neurons as tiles in columns, over a canvas with the edges. */
export class Diagram {
  #hello;
  #wishes;
  #frame;
  #canvas = make("canvas", { class: "edges" });
  #columns = make("div", { class: "columns" });
  #board = make("div", { class: "board" }, this.#canvas, this.#columns);
  #foot = make("div", { class: "layers" });
  /** The tiles by layer; layer 0 holds the features that are taken. @type {HTMLElement[][]} */
  #tiles = [];
  /** @type {Line[]} */
  #lines = [];
  #built = "";
  /** What the edges showed last. @type {[Frame, Choice | null] | null} */
  #last = null;

  /** @param {HTMLElement} frame @param {Hello} hello @param {Wishes} wishes */
  constructor(frame, hello, wishes) {
    this.#hello = hello;
    this.#wishes = wishes;
    this.#frame = frame;
    frame.replaceChildren(make("div", { class: "scroll" }, this.#board), this.#foot);
    this.#canvas.addEventListener("click", (event) => this.#click(event));
    new ResizeObserver(() => this.#measure()).observe(this.#board);
  }

  /** Builds the columns, if the shape is another. @param {Settings} settings */
  shape(settings) {
    const wanted = JSON.stringify([settings.features, settings.hidden]);
    if (wanted === this.#built) return;
    this.#built = wanted;
    const focused = document.activeElement?.getAttribute("data-key");
    this.#tiles = [];
    const hidden = settings.hidden.map((_, at) => this.#hidden(settings, at));
    this.#columns.replaceChildren(this.#features(settings), ...hidden, this.#output(settings.hidden.length + 1));
    this.#foot.replaceChildren(...this.#depth(settings));
    this.#board.classList.toggle("crowded", Math.max(...settings.hidden) > CROWDED);
    const again = focused ? this.#frame.querySelector(`[data-key="${CSS.escape(focused)}"]`) : null;
    if (again instanceof HTMLElement) again.focus();
    this.#measure();
  }

  /**
   * @param {Begun} begun
   * @param {Frame} now
   * @param {Choice | null} choice
   * @param {Choice | null} lit whose edges stand out
   */
  paint(begun, now, choice, lit) {
    this.#last = [now, lit];
    [begun.inputs, ...now.maps].forEach((layer, at) => layer.maps.forEach((map, neuron) => {
      const tile = this.#tiles[at]?.[neuron]?.querySelector("canvas");
      if (tile) paintMap(tile, map, now.side);
    }));
    paint(this.#canvas, this.#lines, now.weights, lit);
    this.#mark(choice);
  }

  /** Writes under the neurons what passes through them. @param {(layer: number, neuron: number) => Badge} badge */
  badges(badge) {
    this.#tiles.forEach((layer, at) => layer.forEach((tile, neuron) => {
      const { text, kind, now } = badge(at, neuron);
      tile.querySelector(".badge")?.replaceWith(make("span", { class: `badge ${kind}` }, text));
      tile.classList.toggle("now", now);
    }));
  }

  /** @param {Choice | null} choice */
  #mark(choice) {
    this.#tiles.slice(1).forEach((layer, at) => layer.forEach((tile, neuron) => {
      const chosen = choice?.kind === "neuron" && choice.layer === at + 1 && choice.neuron === neuron;
      if (tile.getAttribute("aria-pressed") !== String(chosen)) tile.setAttribute("aria-pressed", String(chosen));
    }));
  }

  /** @param {Settings} settings */
  #features(settings) {
    const list = this.#hello.features.map((feature) => {
      const taken = settings.features.includes(feature);
      const tile = button("", () => this.#toggle(settings, feature), { class: "tile", "aria-pressed": String(taken), "data-key": feature });
      tile.append(make("span", { class: "name" }, pretty(feature)), make("canvas"), make("span", { class: "badge" }));
      return tile;
    });
    this.#tiles.unshift(list.filter((_, at) => settings.features.includes(this.#hello.features[at])));
    return column("column features", [make("span", {}, "Features")], list);
  }

  /** One feature at least stays. @param {Settings} settings @param {string} feature */
  #toggle(settings, feature) {
    const taken = this.#hello.features.filter((one) => settings.features.includes(one) !== (one === feature));
    if (taken.length > 0) this.#wishes.features(taken);
  }

  /** @param {number} layer @param {number} neuron @param {string} name */
  #tile(layer, neuron, name) {
    const choose = () => this.#wishes.choose({ kind: "neuron", layer, neuron });
    const tile = button("", choose, { class: "tile", "aria-label": name, "aria-pressed": "false", "data-key": `${layer}.${neuron}` });
    tile.append(make("canvas"), make("span", { class: "badge" }));
    return tile;
  }

  /** @param {Settings} settings @param {number} at */
  #hidden(settings, at) {
    const layer = at + 1;
    const size = settings.hidden[at];
    const most = this.#hello.limits.neurons;
    const resize = (/** @type {number} */ by) => this.#rehide(settings, (hidden) => (
      at < hidden.length ? hidden.with(at, Math.min(Math.max(hidden[at] + by, 1), most)) : hidden));
    const list = Array.from({ length: size }, (_, neuron) => this.#tile(layer, neuron, `neuron ${neuron + 1} of layer ${layer}`));
    this.#tiles.push(list);
    return column("column", [make("span", {}, `Layer ${layer}`), make("span", { class: "size" },
      small(`less${at}`, `one neuron less in layer ${layer}`, "−", size > 1, resize(-1)),
      make("b", {}, String(size)),
      small(`more${at}`, `one neuron more in layer ${layer}`, "+", size < most, resize(1)))], list);
  }

  /** @param {number} layer */
  #output(layer) {
    const tile = this.#tile(layer, 0, "the output");
    this.#tiles.push([tile]);
    return column("column", [make("span", {}, "Output")], [tile]);
  }

  /** @param {Settings} settings */
  #depth(settings) {
    const { layers, neurons } = this.#hello.limits;
    const size = settings.hidden.length;
    const deeper = (/** @type {number[]} */ hidden) => [...hidden, Math.min(hidden.at(-1) ?? neurons, 4)].slice(0, layers);
    return [
      small("fewer", "one hidden layer less", "−", size > 0, this.#rehide(settings, (hidden) => hidden.slice(0, -1))),
      make("span", {}, size === 1 ? "1 hidden layer" : `${size} hidden layers`),
      small("deeper", "one hidden layer more", "+", size < layers, this.#rehide(settings, deeper)),
    ];
  }

  /**
   * What a button does to the hidden layers as they are when it is pressed: an earlier press may be on its way to the engine.
   * @param {Settings} settings
   * @param {(hidden: number[]) => number[]} change
   */
  #rehide(settings, change) {
    return () => this.#wishes.hidden(change(settings.hidden));
  }

  /** Measures where the edges lie, and draws them there. */
  #measure() {
    this.#lines = between(this.#board, this.#tiles);
    if (this.#last) paint(this.#canvas, this.#lines, this.#last[0].weights, this.#last[1]);
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const box = this.#canvas.getBoundingClientRect();
    const line = nearest(this.#lines, event.clientX - box.left, event.clientY - box.top);
    if (line) this.#wishes.choose({ kind: "edge", layer: line.layer, from: line.from, to: line.to });
  }
}

/** @param {string} kind @param {HTMLElement[]} head @param {HTMLElement[]} tiles */
const column = (kind, head, tiles) =>
  make("div", { class: kind }, make("div", { class: "head" }, ...head), make("div", { class: "tiles" }, ...tiles));

/** @param {string} key @param {string} label @param {string} sign @param {boolean} able @param {() => void} then */
const small = (key, label, sign, able, then) =>
  button(sign, then, { class: "small", "aria-label": label, "data-key": key, disabled: !able });
