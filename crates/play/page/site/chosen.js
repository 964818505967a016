// What a neuron computes, or what an edge carries, with the numbers of now.

import { button, make, number } from "./dom.js";
import { pretty } from "./diagram.js";

/** @import {Begun, Choice, Frame, Neuron, Settings} from "../types.js" */

/** A place for a number, and where a frame has it. @typedef {[HTMLElement, (now: Frame) => number | undefined]} Cell */

const HINT = "Choose a neuron to see its equation, or an edge to see its weight, its gradient and its last update.";

/** @param {Settings} settings @param {number} layer @param {number} neuron */
function nameOf(settings, layer, neuron) {
  if (layer === 0) return pretty(settings.features[neuron] ?? "");
  return layer > settings.hidden.length ? "the output" : `neuron ${neuron + 1} of layer ${layer}`;
}

/** The numbers of an edge: its weight, its gradient, its last update. @param {number} layer @param {number} at */
const ofEdge = (layer, at) => [
  (/** @type {Frame} */ now) => now.weights[layer - 1]?.[at],
  (/** @type {Frame} */ now) => now.gradients[layer - 1]?.[at],
  (/** @type {Frame} */ now) => now.updates[layer - 1]?.[at],
];

/** The same of a bias. @param {number} layer @param {number} neuron */
const ofBias = (layer, neuron) => [
  (/** @type {Frame} */ now) => now.biases[layer - 1]?.[neuron],
  (/** @type {Frame} */ now) => now.bias_gradients[layer - 1]?.[neuron],
  (/** @type {Frame} */ now) => now.bias_updates[layer - 1]?.[neuron],
];

/**
 * @param {Begun} begun
 * @param {Choice & { kind: "edge" }} choice
 * @param {Settings} settings
 * @returns {{ parts: HTMLElement[], cells: Cell[] }}
 */
function edge(begun, { layer, from, to }, settings) {
  const getters = ofEdge(layer, from * begun.layers[layer] + to);
  const names = ["weight w", "gradient ∂C/∂w of the last step", "last update Δw"];
  const places = names.map(() => make("dd"));
  const rows = names.map((name, at) => make("div", {}, make("dt", {}, name), places[at]));
  const words = `The edge from ${nameOf(settings, layer - 1, from)} to ${nameOf(settings, layer, to)}.`;
  return {
    parts: [make("p", {}, words), make("dl", { class: "facts" }, ...rows)],
    cells: places.map((place, at) => [place, getters[at]]),
  };
}

/**
 * @param {Begun} begun
 * @param {Choice & { kind: "neuron" }} choice
 * @param {Neuron} told
 * @param {(choice: Choice) => void} choose
 * @returns {{ parts: HTMLElement[], cells: Cell[] }}
 */
function neuron(begun, { layer, neuron: to }, told, choose) {
  /** @type {Cell[]} */
  const cells = [];
  const row = (/** @type {Node | string} */ name, /** @type {Cell[1][]} */ getters) => {
    const places = getters.map(() => make("td"));
    cells.push(...places.map((place, at) => /** @type {Cell} */ ([place, getters[at]])));
    return make("tr", {}, make("th", { scope: "row" }, name), ...places);
  };
  const rows = told.weights.map(([name], from) => {
    const go = button(pretty(name), () => choose({ kind: "edge", layer, from, to }), { class: "link" });
    return row(go, ofEdge(layer, from * begun.layers[layer] + to));
  });
  const heads = ["from", "weight", "gradient", "last update"].map((text) => make("th", { scope: "col" }, text));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)),
    make("tbody", {}, ...rows, row("bias", ofBias(layer, to))));
  return { parts: [make("p"), make("p", { class: "equation code" }), make("div", { class: "scroll" }, table)], cells };
}

/** The panel of what is chosen. */
export class Inspector {
  #panel;
  #choose;
  /** What is built stays while the choice does, so that its buttons can be pressed while numbers change. */
  #built = "";
  /** @type {Cell[]} */
  #cells = [];

  /** @param {HTMLElement} panel @param {(choice: Choice | null) => void} choose */
  constructor(panel, choose) {
    this.#panel = panel;
    this.#choose = choose;
    // Takes the focus when the button that had it is gone.
    panel.tabIndex = -1;
  }

  /**
   * @param {Begun} begun
   * @param {Frame} now
   * @param {Choice | null} choice
   * @param {Neuron | null} told what the engine says of the chosen neuron
   * @param {Settings} settings
   */
  show(begun, now, choice, told, settings) {
    const wanted = JSON.stringify([choice, begun.layers, settings.features]);
    if (wanted !== this.#built) {
      if (choice?.kind === "neuron" && !told) return;
      this.#build(begun, choice, told, settings);
      this.#built = wanted;
    }
    for (const [place, value] of this.#cells) place.textContent = number(value(now));
    if (choice?.kind === "neuron" && told) this.#tell(told);
  }

  /** @param {Begun} begun @param {Choice | null} choice @param {Neuron | null} told @param {Settings} settings */
  #build(begun, choice, told, settings) {
    const made = choice?.kind === "edge" ? edge(begun, choice, settings)
      : choice && told ? neuron(begun, choice, told, this.#choose) : null;
    this.#cells = made?.cells ?? [];
    const back = button("Show the whole network", () => this.#choose(null), { class: "quiet" });
    const held = this.#panel.contains(document.activeElement);
    this.#panel.replaceChildren(...(made ? [...made.parts, back] : [make("p", { class: "hint" }, HINT)]));
    if (held) (made ? back : this.#panel).focus();
  }

  /** @param {Neuron} told */
  #tell(told) {
    for (const [at, text] of [told.words, told.equation].entries()) {
      const place = this.#panel.children[at];
      if (place.textContent !== text) place.textContent = text;
    }
  }
}
