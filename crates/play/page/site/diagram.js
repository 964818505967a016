// The network as a diagram: a map on each neuron, edges coloured by the sign of their weight and as thick as its size.

import { button, crisp, make } from "./dom.js";
import { colour, paintMap } from "./colours.js";

/** @import {Begun, Choice, Frame, Hello, Settings} from "../types.js" */

/**
 * What the diagram asks for.
 * @typedef {object} Wishes
 * @property {(choice: Choice) => void} choose
 * @property {(features: string[]) => void} features
 * @property {(hidden: number[]) => void} hidden
 */

/** An edge and where it lies. @typedef {{ layer: number, from: number, to: number, points: number[] }} Line */

/** More edges than these are drawn thinner. */
const MANY = 100;

/** The width that ever larger weights come near to. */
const THICK = 8;

/** A pointer so near an edge means it. */
const NEAR = 8;

/** @param {string} feature */
export const pretty = (feature) => feature.replace("^2", "²");

/** @param {HTMLElement} frame @param {Hello} hello @param {Wishes} wishes */
export function diagram(frame, hello, wishes) {
  const canvas = make("canvas", { class: "edges" });
  const columns = make("div", { class: "columns" });
  const board = make("div", { class: "board" }, canvas, columns);
  const foot = make("div", { class: "layers" });
  frame.replaceChildren(make("div", { class: "scroll" }, board), foot);
  /** The tiles by layer; layer 0 holds the features that are taken. @type {HTMLElement[][]} */
  let tiles = [];
  /** @type {Line[]} */
  let lines = [];
  let built = "";
  /** @type {[Frame, Choice | null] | null} */
  let last = null;

  /** @param {string} key @param {string} label @param {string} sign @param {boolean} able @param {() => void} then */
  const small = (key, label, sign, able, then) =>
    button(sign, then, { class: "small", "aria-label": label, "data-key": key, disabled: !able });

  /** @param {Settings} settings */
  function features(settings) {
    const list = hello.features.map((feature) => {
      const taken = settings.features.includes(feature);
      const tile = button("", () => toggle(settings, feature), { class: "tile", "aria-pressed": String(taken), "data-key": feature });
      tile.append(make("span", { class: "name" }, pretty(feature)), make("canvas"), make("span", { class: "badge" }));
      return tile;
    });
    tiles.push(list.filter((_, at) => settings.features.includes(hello.features[at])));
    return make("div", { class: "column features" }, make("div", { class: "head" }, make("span", {}, "Features")), make("div", { class: "tiles" }, ...list));
  }

  /** @param {Settings} settings @param {string} feature */
  function toggle(settings, feature) {
    const taken = hello.features.filter((one) => settings.features.includes(one) !== (one === feature));
    if (taken.length > 0) wishes.features(taken);
  }

  /** @param {number} layer @param {number} neuron @param {string} name */
  function tile(layer, neuron, name) {
    const choose = () => wishes.choose({ kind: "neuron", layer, neuron });
    const one = button("", choose, { class: "tile", "aria-label": name, "aria-pressed": "false", "data-key": `${layer}.${neuron}` });
    one.append(make("canvas"), make("span", { class: "badge" }));
    return one;
  }

  /** @param {Settings} settings @param {number} at */
  function hidden(settings, at) {
    const size = settings.hidden[at];
    const resize = (/** @type {number} */ by) => () => wishes.hidden(settings.hidden.map((one, l) => (l === at ? one + by : one)));
    const list = Array.from({ length: size }, (_, neuron) => tile(at + 1, neuron, `neuron ${neuron + 1} of layer ${at + 1}`));
    tiles.push(list);
    const head = make("div", { class: "head", role: "group", "aria-label": `Layer ${at + 1}` },
      make("span", {}, `Layer ${at + 1}`),
      make("span", { class: "size" },
        small(`less${at}`, `one neuron less in layer ${at + 1}`, "−", size > 1, resize(-1)),
        make("b", {}, String(size)),
        small(`more${at}`, `one neuron more in layer ${at + 1}`, "+", size < hello.limits.neurons, resize(1))));
    return make("div", { class: "column" }, head, make("div", { class: "tiles" }, ...list));
  }

  /** @param {number} layer */
  function output(layer) {
    const one = tile(layer, 0, "the output");
    tiles.push([one]);
    return make("div", { class: "column" }, make("div", { class: "head" }, make("span", {}, "Output")), make("div", { class: "tiles" }, one));
  }

  /** @param {Settings} settings */
  function build(settings) {
    const focused = document.activeElement?.getAttribute("data-key");
    const count = settings.hidden.length;
    tiles = [];
    columns.replaceChildren(features(settings), ...settings.hidden.map((_, at) => hidden(settings, at)), output(count + 1));
    foot.replaceChildren(
      small("fewer", "one hidden layer less", "−", count > 0, () => wishes.hidden(settings.hidden.slice(0, -1))),
      make("span", {}, count === 1 ? "1 hidden layer" : `${count} hidden layers`),
      small("deeper", "one hidden layer more", "+", count < hello.limits.layers,
        () => wishes.hidden([...settings.hidden, Math.min(settings.hidden.at(-1) ?? 4, 4)])));
    board.classList.toggle("crowded", Math.max(...settings.hidden) > 8);
    const again = focused ? frame.querySelector(`[data-key="${CSS.escape(focused)}"]`) : null;
    if (again instanceof HTMLElement) again.focus();
  }

  /** Measures where the edges lie. */
  function measure() {
    const origin = board.getBoundingClientRect();
    const ends = tiles.map((layer) => layer.map((one) => {
      const box = (one.querySelector("canvas") ?? one).getBoundingClientRect();
      return { left: box.left - origin.left, right: box.right - origin.left, middle: (box.top + box.bottom) / 2 - origin.top };
    }));
    lines = ends.slice(1).flatMap((layer, before) => ends[before].flatMap((start, from) => layer.map((end, to) => ({
      layer: before + 1, from, to, points: [start.right, start.middle, end.left, end.middle],
    }))));
  }

  /** @param {Frame} now @param {Choice | null} choice */
  function edges(now, choice) {
    const there = crisp(canvas);
    if (!there) return;
    const { context } = there;
    const thin = Math.max(0.35, Math.min(1, Math.sqrt(MANY / lines.length)));
    for (const line of lines) {
      const weight = weightOf(now.weights, tiles, line);
      const [x0, y0, x1, y1] = line.points;
      const middle = (x0 + x1) / 2;
      context.globalAlpha = fade(choice, line);
      context.strokeStyle = Math.abs(weight) < 1e-6 ? colour("line") : colour(weight > 0 ? "above" : "below");
      context.lineWidth = thin * (0.6 + THICK * (1 - Math.exp(-Math.abs(weight) / 2.5))) + (isChosen(choice, line) ? 2 : 0);
      context.beginPath();
      context.moveTo(x0, y0);
      context.bezierCurveTo(middle, y0, middle, y1, x1, y1);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  /** @param {Begun} begun @param {Frame} now */
  function maps(begun, now) {
    [begun.inputs, ...now.maps].forEach((layer, at) => layer.maps.forEach((map, neuron) => {
      const tile = tiles[at]?.[neuron]?.querySelector("canvas");
      if (tile) paintMap(tile, map, now.side);
    }));
  }

  /** @param {Choice | null} choice */
  function mark(choice) {
    tiles.slice(1).forEach((layer, at) => layer.forEach((one, neuron) => {
      const chosen = choice?.kind === "neuron" && choice.layer === at + 1 && choice.neuron === neuron;
      if (one.getAttribute("aria-pressed") !== String(chosen)) one.setAttribute("aria-pressed", String(chosen));
    }));
  }

  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const line = nearest(lines, event.clientX - box.left, event.clientY - box.top);
    if (line) wishes.choose({ kind: "edge", layer: line.layer, from: line.from, to: line.to });
  });
  new ResizeObserver(() => {
    measure();
    if (last) edges(...last);
  }).observe(board);

  return {
    /** @param {Settings} settings */
    shape(settings) {
      const wanted = JSON.stringify([settings.features, settings.hidden]);
      if (wanted === built) return;
      built = wanted;
      build(settings);
      measure();
    },
    /**
     * @param {Begun} begun
     * @param {Frame} now
     * @param {Choice | null} choice
     * @param {Choice | null} lit whose edges stand out
     */
    paint(begun, now, choice, lit) {
      last = [now, lit];
      maps(begun, now);
      edges(now, lit);
      mark(choice);
    },
    /**
     * Writes under the neurons what passes through them.
     * @param {(layer: number, neuron: number) => { text: string, kind: "" | "value" | "pile", now: boolean }} badge
     */
    badges(badge) {
      tiles.forEach((layer, at) => layer.forEach((one, neuron) => {
        const { text, kind, now } = badge(at, neuron);
        const place = one.querySelector(".badge");
        if (place) place.textContent = text;
        if (place) place.className = `badge ${kind}`;
        one.classList.toggle("now", now);
      }));
    },
  };
}

/** @param {number[][]} weights @param {unknown[][]} tiles @param {Line} line */
const weightOf = (weights, tiles, { layer, from, to }) => weights[layer - 1]?.[from * tiles[layer].length + to] ?? 0;

/** @param {Choice | null} choice @param {Line} line */
const isChosen = (choice, line) =>
  choice?.kind === "edge" && choice.layer === line.layer && choice.from === line.from && choice.to === line.to;

/** What is chosen stands out. @param {Choice | null} choice @param {Line} line */
function fade(choice, line) {
  if (!choice) return 0.9;
  if (choice.kind === "edge") return isChosen(choice, line) ? 1 : 0.3;
  return choice.layer === line.layer && choice.neuron === line.to ? 1 : 0.3;
}

/** The line that a pointer means. @param {Line[]} lines @param {number} x @param {number} y */
function nearest(lines, x, y) {
  const far = lines.map(({ points: [x0, y0, x1, y1] }) => {
    let least = Infinity;
    for (let t = 0; t <= 1; t += 1 / 32) {
      const s = 1 - t;
      const middle = 3 * s * t * ((x0 + x1) / 2);
      const px = s ** 3 * x0 + middle + t ** 3 * x1;
      const py = (s ** 3 + 3 * s * s * t) * y0 + (3 * s * t * t + t ** 3) * y1;
      least = Math.min(least, Math.hypot(px - x, py - y));
    }
    return least;
  });
  const best = far.indexOf(Math.min(...far));
  return far[best] <= NEAR ? lines[best] : null;
}
