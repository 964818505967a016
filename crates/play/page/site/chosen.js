// What a neuron computes, or what an edge carries, with the numbers of now.

import { button, make, number } from "./dom.js";
import { pretty } from "./diagram.js";

/** @import {Begun, Choice, Frame, Neuron, Settings} from "../types.js" */

/** @param {Settings} settings @param {number} layer @param {number} neuron */
function nameOf(settings, layer, neuron) {
  if (layer === 0) return pretty(settings.features[neuron] ?? "");
  return layer > settings.hidden.length ? "the output" : `neuron ${neuron + 1} of layer ${layer}`;
}

/** @param {[string, string | number | null | undefined][]} rows */
function facts(rows) {
  return make("dl", { class: "facts" }, ...rows.map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, typeof value === "string" ? value : number(value)))));
}

/** The position of an edge in its layer's lists. @param {Begun} begun @param {number} layer @param {number} from @param {number} to */
const position = (begun, layer, from, to) => from * begun.layers[layer] + to;

/** @param {Begun} begun @param {Frame} now @param {Choice & { kind: "edge" }} choice @param {Settings} settings */
function edge(begun, now, { layer, from, to }, settings) {
  const at = position(begun, layer, from, to);
  const below = layer - 1;
  return [
    make("p", {}, `The edge from ${nameOf(settings, below, from)} to ${nameOf(settings, layer, to)}.`),
    facts([
      ["weight w", now.weights[below]?.[at]],
      ["gradient ∂C/∂w of the last step", now.gradients[below]?.[at]],
      ["last update Δw", now.updates[below]?.[at]],
    ]),
  ];
}

/**
 * @param {Begun} begun
 * @param {Frame} now
 * @param {Choice & { kind: "neuron" }} choice
 * @param {Neuron} told
 * @param {(choice: Choice) => void} choose
 */
function neuron(begun, now, { layer, neuron: to }, told, choose) {
  const below = layer - 1;
  const row = (/** @type {Node | string} */ name, /** @type {(number | null | undefined)[]} */ cells) =>
    make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, number(cell))));
  const rows = told.weights.map(([name], from) => {
    const at = position(begun, layer, from, to);
    const go = button(pretty(name), () => choose({ kind: "edge", layer, from, to }), { class: "link", "data-key": `edge${from}` });
    return row(go, [now.weights[below]?.[at], now.gradients[below]?.[at], now.updates[below]?.[at]]);
  });
  const bias = row("bias", [now.biases[below]?.[to], now.bias_gradients[below]?.[to], now.bias_updates[below]?.[to]]);
  const heads = ["from", "weight", "gradient", "last update"].map((text) => make("th", { scope: "col" }, text));
  return [
    make("p", {}, told.words),
    make("p", { class: "equation code" }, told.equation),
    make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows, bias))),
  ];
}

/**
 * @param {HTMLElement} panel
 * @param {Begun} begun
 * @param {Frame} now
 * @param {Choice | null} choice
 * @param {Neuron | null} told what the engine says of the chosen neuron
 * @param {Settings} settings
 * @param {(choice: Choice | null) => void} choose
 */
export function chosen(panel, begun, now, choice, told, settings, choose) {
  if (!choice) {
    panel.replaceChildren(make("p", { class: "hint" }, "Choose a neuron to see its equation, or an edge to see its weight, its gradient and its last update."));
    return;
  }
  const focused = document.activeElement?.getAttribute("data-key");
  const parts = choice.kind === "edge" ? edge(begun, now, choice, settings) : told ? neuron(begun, now, choice, told, choose) : [];
  panel.replaceChildren(...parts, button("Show the whole network", () => choose(null), { class: "quiet", "data-key": "whole" }));
  const again = focused ? panel.querySelector(`[data-key="${CSS.escape(focused)}"]`) : null;
  if (again instanceof HTMLElement) again.focus();
}
