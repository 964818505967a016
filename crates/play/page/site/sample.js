// One sample through the whole network, forward and back, a neuron at a time.

import { button, make, number, percent, stepButton } from "./dom.js";

/** @import {Sample, Settings} from "../types.js" */

/**
 * @param {HTMLElement} panel
 * @param {object} wishes
 * @param {(index: number) => void} wishes.follow asks for a training point
 * @param {(sample: Sample | null, at: number) => void} wishes.moved
 */
export function sampleWalk(panel, wishes) {
  /** @type {Sample | null} */
  let sample = null;
  let at = 0;
  const index = make("input", { type: "number", id: "sample-index", min: 0, value: 0, step: 1 });
  const words = make("p", { class: "words", role: "status" }, "");
  const rail = make("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Step of the sample" });
  const facts = make("p", { class: "hint" });
  const back = stepButton("back", "One step back", () => go(at - 1));
  const forth = stepButton("forth", "One step on", () => go(at + 1));
  const follow = button("Follow", () => wishes.follow(index.valueAsNumber || 0));
  const stop = button("Stop", () => take(null), { class: "quiet" });
  const walk = make("div", { hidden: true }, words, make("div", { class: "steps", role: "group", "aria-label": "Steps of the sample" }, back, rail, forth), facts, stop);
  panel.replaceChildren(
    make("div", { class: "field inline" }, make("label", { for: "sample-index" }, "Training point"), index, follow),
    make("p", { class: "hint" }, "Or click on a point of the plane. Training pauses."), walk);
  rail.addEventListener("input", () => go(rail.valueAsNumber));

  /** @param {number} to */
  function go(to) {
    if (!sample) return;
    at = Math.max(0, Math.min(sample.moves.length, to));
    rail.value = String(at);
    back.disabled = at === 0;
    forth.disabled = at === sample.moves.length;
    const said = at === 0 ? first(sample) : sample.moves[at - 1].words;
    words.replaceChildren(...said.split(/(?<=; )/).map((line) => make("span", { class: "line" }, line)));
    rail.setAttribute("aria-valuetext", said);
    wishes.moved(sample, at);
  }

  /** @param {Sample | null} next */
  function take(next) {
    sample = next;
    walk.hidden = next === null;
    if (next === null) return wishes.moved(null, 0);
    rail.max = String(next.moves.length);
    facts.textContent = `Loss ${number(next.loss)}, probability of class 1 ${percent(next.probability)}. `
      + `After one step of plain descent on this point alone the loss is ${number(next.loss_after_update)}.`;
    go(0);
  }

  return {
    take,
    /** @param {number} count of the training points */
    limit(count) {
      index.max = String(Math.max(0, count - 1));
    },
  };
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
 * @param {Settings} settings
 */
export function badgeAfter(sample, at, settings) {
  /** @type {Map<string, "forward" | "backward">} */
  const passed = new Map();
  const moves = sample?.moves.slice(0, at) ?? [];
  for (const move of moves) passed.set(`${move.layer}.${move.neuron}`, move.direction);
  const now = moves.at(-1);
  const last = settings.hidden.length + 1;
  return (/** @type {number} */ layer, /** @type {number} */ neuron) => {
    const here = now !== undefined && Math.min(now.layer, last) === layer && (now.layer > last || now.neuron === neuron);
    if (!sample) return { text: "", kind: /** @type {const} */ (""), now: false };
    if (layer === 0) return { text: brief(sample.inputs[neuron]?.[1]), kind: /** @type {const} */ ("value"), now: false };
    const direction = passed.get(`${layer}.${neuron}`);
    const values = sample.layers[layer - 1];
    if (direction === "backward") return { text: `δ ${brief(values.delta[neuron])}`, kind: /** @type {const} */ ("pile"), now: here };
    if (direction === "forward") return { text: brief(values.a[neuron]), kind: /** @type {const} */ ("value"), now: here };
    return { text: "", kind: /** @type {const} */ (""), now: here };
  };
}

/** Few digits: there is little room. @param {number | undefined} value */
function brief(value) {
  if (value === undefined || value === null) return "";
  const size = Math.abs(value);
  return (size !== 0 && size < 0.01 ? value.toExponential(0) : value.toFixed(2)).replaceAll("-", "−");
}
