// The graph of an expression as a picture that can be replayed and dragged.

import { draw } from "./dom.js";

/** @import {ExpressionAnswer} from "../types.js" */
/** @import {Scene} from "./replay.js" */

/** As crates/draw lays nodes out. */
const HEIGHT = 66;
const LONGEST = 26;
const LETTER = 7.8;

/** @param {string} text */
const short = (text) => (text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`);

/** @param {[number, number][]} points */
function curve(points) {
  let path = `M${points[0].join(" ")}`;
  for (let at = 1; at < points.length; at += 1) {
    const [[x0, y0], [x1, y1]] = [points[at - 1], points[at]];
    const middle = (y0 + y1) / 2;
    path += `C${x0} ${middle} ${x1} ${middle} ${x1} ${y1}`;
  }
  return path;
}

/** @param {ExpressionAnswer} answer @param {number} at */
function edge({ picture, layout }, at) {
  const { from, to, partial } = picture.edges[at];
  const points = layout.edges[at];
  const group = draw("g", { class: "edge" }, draw("path", { d: curve(points), "marker-end": "url(#tip)" }));
  if (partial !== null) {
    const [[x0, y0], [x1, y1]] = points;
    const whole = `∂${picture.nodes[from].name}/∂${picture.nodes[to].name} = ${partial}`;
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    const width = LETTER * short(partial).length + 8;
    group.append(draw("g", { class: "partial" },
      draw("rect", { x: x - width / 2, y: y - 10, width, height: 20, rx: 6 }),
      draw("text", { x, y: y + 4 }, draw("title", {}, whole), short(partial))));
  }
  return group;
}

/** @param {ExpressionAnswer} answer @param {number} at */
function node({ picture, layout, gradient }, at) {
  const { name, formula, value } = picture.nodes[at];
  const [x, y] = layout.nodes[at];
  const top = y - HEIGHT / 2;
  const variable = formula === null;
  const group = draw("g", { class: variable ? "node variable" : "node", "data-node": name },
    draw("rect", { x: x - layout.widths[at] / 2, y: top, width: layout.widths[at], height: HEIGHT, rx: 10 }),
    draw("text", { x, y: top + 20 },
      draw("title", {}, `${name}${variable ? "" : ` = ${formula}`} = ${value}`),
      draw("tspan", { class: "name" }, short(name)), variable ? "" : ` = ${short(formula)}`),
    draw("text", { class: "value", x, y: top + 38 }, short(value)),
    draw("text", { class: "pile", x, y: top + 56 }));
  if (variable && name in gradient.gradients) {
    const now = gradient.nodes.find((other) => other.name === name)?.value ?? 0;
    const bounds = { "aria-valuenow": now, "aria-valuemin": -1e6, "aria-valuemax": 1e6 };
    const spoken = { role: "slider", tabindex: 0, "aria-label": `${name}, drag or use arrow keys`, ...bounds };
    for (const [key, text] of Object.entries(spoken)) group.setAttribute(key, String(text));
  }
  return group;
}

/** The picture of an answer. @param {ExpressionAnswer} answer */
export function graph(answer) {
  const { width, height } = answer.layout;
  const tip = draw("marker", {
    id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 10, markerHeight: 10, markerUnits: "userSpaceOnUse", orient: "auto",
  }, draw("path", { class: "tip", d: "M0 0 8 4 0 8z" }));
  const edges = answer.picture.edges.map((_, at) => edge(answer, at));
  const nodes = answer.picture.nodes.map((_, at) => node(answer, at));
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "The graph" },
    draw("defs", {}, tip), ...edges, ...nodes);
  svg.style.width = `${1.1 * width}px`;
  svg.style.minWidth = `${0.72 * width}px`;
  return { svg, edges, nodes };
}

/**
 * Shows what is seen after a step.
 * @param {ReturnType<typeof graph>} picture
 * @param {Scene} scene
 */
export function show({ edges, nodes }, scene) {
  nodes.forEach((group, at) => {
    group.classList.toggle("now", scene.nowNodes.has(at));
    group.querySelector(".value")?.classList.toggle("later", !scene.values.has(at));
    const pile = group.querySelector(".pile");
    const text = scene.piles.get(at);
    if (pile) pile.textContent = text === undefined ? "" : `∂ ${short(text)}`;
  });
  edges.forEach((group, at) => {
    group.classList.toggle("now", scene.nowEdges.has(at));
    group.classList.toggle("again", scene.again.has(at));
    group.querySelector(".partial")?.classList.toggle("later", !scene.partials.has(at));
  });
}

/**
 * Lets the variables be dragged sideways or moved by arrow keys. The picture is drawn anew while that happens, so the
 * frame around it listens.
 * @param {HTMLElement} frame
 * @param {(name: string, by: number) => void} move adds tenths to a variable
 */
export function draggable(frame, move) {
  /** @type {{ name: string, x: number } | null} */
  let held = null;
  const named = (/** @type {Event} */ event) =>
    event.target instanceof Element ? event.target.closest("[role=slider]")?.getAttribute("data-node") : null;
  frame.addEventListener("pointerdown", (event) => {
    const name = named(event);
    if (!name) return;
    held = { name, x: event.clientX };
    frame.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  frame.addEventListener("pointermove", (event) => {
    if (!held) return;
    const tenths = Math.trunc((event.clientX - held.x) / 6);
    if (tenths === 0) return;
    held.x += 6 * tenths;
    move(held.name, tenths);
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    frame.addEventListener(end, () => { held = null; });
  }
  frame.addEventListener("keydown", (event) => {
    const name = named(event);
    const tenths = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!name || !tenths) return;
    event.preventDefault();
    move(name, tenths);
  });
}
