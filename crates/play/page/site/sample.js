// One sample through the whole network, forward and back, a neuron at a time.

import { button, make, number, percent, stepButton } from "./dom.js";

/** @import {Sample} from "../types.js" */
/** @import {Badge} from "./diagram.js" */

/**
 * @typedef {object} Wishes
 * @property {(index: number) => void} follow asks for a training point
 * @property {(sample: Sample | null, at: number) => void} moved
 */

/** The panel that walks. */
export class SampleWalk {
  #wishes;
  /** @type {Sample | null} */
  #sample = null;
  #at = 0;
  #index = make("input", { type: "number", id: "sample-index", min: 0, value: 0, step: 1 });
  #words = make("p", { class: "words", role: "status" });
  #rail = make("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Step of the sample" });
  #facts = make("p", { class: "hint" });
  #back = stepButton("back", "One step back", () => this.#go(this.#at - 1));
  #forth = stepButton("forth", "One step on", () => this.#go(this.#at + 1));
  #body;

  /** @param {HTMLElement} panel @param {Wishes} wishes */
  constructor(panel, wishes) {
    this.#wishes = wishes;
    const follow = button("Follow", () => wishes.follow(this.#index.valueAsNumber || 0));
    const stop = button("Stop", () => this.take(null), { class: "quiet" });
    const steps = make("div", { class: "steps", role: "group", "aria-label": "Steps of the sample" }, this.#back, this.#rail, this.#forth);
    this.#body = make("div", { hidden: true }, this.#words, steps, this.#facts, stop);
    this.#rail.addEventListener("input", () => this.#go(this.#rail.valueAsNumber));
    panel.replaceChildren(
      make("div", { class: "field inline" }, make("label", { for: "sample-index" }, "Training point"), this.#index, follow),
      make("p", { class: "hint" }, "Or click on a point of the plane. Training pauses."), this.#body);
  }

  /** Shows a sample's way from its beginning, or none. @param {Sample | null} sample */
  take(sample) {
    this.#sample = sample;
    this.#body.hidden = sample === null;
    if (sample === null) return this.#wishes.moved(null, 0);
    this.#rail.max = String(sample.moves.length);
    this.#facts.textContent = `Loss ${number(sample.loss)}, probability of class 1 ${percent(sample.probability)}. `
      + `After one step of plain descent on this point alone the loss is ${number(sample.loss_after_update)}.`;
    this.#go(0);
  }

  /** @param {number} count of the training points */
  limit(count) {
    this.#index.max = String(Math.max(0, count - 1));
  }

  /** @param {number} to */
  #go(to) {
    const sample = this.#sample;
    if (!sample) return;
    this.#at = Math.max(0, Math.min(sample.moves.length, to));
    this.#rail.value = String(this.#at);
    this.#back.disabled = this.#at === 0;
    this.#forth.disabled = this.#at === sample.moves.length;
    const said = this.#at === 0 ? first(sample) : sample.moves[this.#at - 1].words;
    this.#words.replaceChildren(...said.split(/(?<=; )/).map((line) => make("span", { class: "line" }, line)));
    this.#rail.setAttribute("aria-valuetext", said);
    this.#wishes.moved(sample, this.#at);
  }
}

/** @param {Sample} sample */
function first({ point: [x, y, label], inputs }) {
  const taken = inputs.map(([name, value]) => `${name} = ${number(value)}`).join(", ");
  return `The point (${number(x)}, ${number(y)}) of class ${label}. The network takes ${taken}.`;
}

/**
 * What stands under a neuron after a step: its activation on the way forward, its δ on the way back.
 * @param {Sample | null} sample
 * @param {number} at
 * @param {number} top the last layer
 * @returns {(layer: number, neuron: number) => Badge}
 */
export function badgeAfter(sample, at, top) {
  if (!sample) return () => ({ text: "", kind: "", now: false });
  const moves = sample.moves.slice(0, at);
  const passed = new Map(moves.map((move) => [`${move.layer}.${move.neuron}`, move.direction]));
  const last = moves.at(-1);
  return (layer, neuron) => {
    if (layer === 0) return { text: brief(sample.inputs[neuron]?.[1]), kind: "value", now: false };
    // The loss has no tile of its own: it is taken at the output.
    const now = last !== undefined && Math.min(last.layer, top) === layer && (last.layer > top || last.neuron === neuron);
    const { a, delta } = sample.layers[layer - 1];
    const direction = passed.get(`${layer}.${neuron}`);
    if (direction === "backward") return { text: `δ ${brief(delta[neuron])}`, kind: "pile", now };
    return { text: direction === "forward" ? brief(a[neuron]) : "", kind: "value", now };
  };
}

/** Few digits: there is little room. @param {number | null | undefined} value */
function brief(value) {
  if (value === undefined || value === null) return "";
  const size = Math.abs(value);
  return (size !== 0 && size < 0.01 ? value.toExponential(0) : value.toFixed(2)).replaceAll("-", "−");
}
