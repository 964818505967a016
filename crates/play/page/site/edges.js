// The edges of the diagram, on a canvas.

import { crisp } from "./dom.js";
import { colour } from "./colours.js";

/** @import {Choice} from "../types.js" */

/**
 * An edge: its layer, its ends, its position among the layer's weights, and where it lies.
 * @typedef {{ layer: number, from: number, to: number, at: number, points: [number, number, number, number] }} Line
 */

/** A pointer so near an edge means it. */
const NEAR = 8;
/** More edges than these are drawn thinner. */
const MANY = 100;
/** The width that ever larger weights come near to. */
const THICK = 8;

/**
 * The edges between the tiles of neighbouring layers.
 * @param {HTMLElement} board
 * @param {HTMLElement[][]} tiles
 * @returns {Line[]}
 */
export function between(board, tiles) {
  const origin = board.getBoundingClientRect();
  const ends = tiles.map((layer) => layer.map((tile) => {
    const box = (tile.querySelector("canvas") ?? tile).getBoundingClientRect();
    return { left: box.left - origin.left, right: box.right - origin.left, middle: (box.top + box.bottom) / 2 - origin.top };
  }));
  return ends.slice(1).flatMap((layer, below) => ends[below].flatMap((start, from) => layer.map((end, to) => ({
    layer: below + 1, from, to, at: from * layer.length + to,
    points: /** @type {Line["points"]} */ ([start.right, start.middle, end.left, end.middle]),
  }))));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Line[]} lines
 * @param {number[][]} weights
 * @param {Choice | null} lit whose edges stand out
 */
export function paint(canvas, lines, weights, lit) {
  const there = crisp(canvas);
  if (!there) return;
  const { context } = there;
  const thin = Math.max(0.35, Math.min(1, Math.sqrt(MANY / lines.length)));
  for (const line of lines) {
    const weight = weights[line.layer - 1]?.[line.at] ?? 0;
    const [x0, y0, x1, y1] = line.points;
    const middle = (x0 + x1) / 2;
    context.globalAlpha = fade(lit, line);
    context.strokeStyle = colour(weight > 0 ? "above" : weight < 0 ? "below" : "line");
    context.lineWidth = thin * (0.6 + THICK * (1 - Math.exp(-Math.abs(weight) / 2.5))) + (isChosen(lit, line) ? 2 : 0);
    context.beginPath();
    context.moveTo(x0, y0);
    context.bezierCurveTo(middle, y0, middle, y1, x1, y1);
    context.stroke();
  }
  context.globalAlpha = 1;
}

/** @param {Choice | null} choice @param {Line} line */
const isChosen = (choice, line) =>
  choice?.kind === "edge" && choice.layer === line.layer && choice.from === line.from && choice.to === line.to;

/** What is chosen stands out: an edge, or those into a neuron. @param {Choice | null} choice @param {Line} line */
function fade(choice, line) {
  if (!choice) return 0.9;
  if (choice.kind === "edge") return isChosen(choice, line) ? 1 : 0.3;
  return choice.layer === line.layer && choice.neuron === line.to ? 1 : 0.3;
}

/** The line that a pointer means. @param {Line[]} lines @param {number} x @param {number} y */
export function nearest(lines, x, y) {
  const far = lines.map((line) => distance(line, x, y));
  const best = far.indexOf(Math.min(...far));
  return far[best] <= NEAR ? lines[best] : null;
}

/** How far a place is from a line. @param {Line} line @param {number} x @param {number} y */
function distance({ points: [x0, y0, x1, y1] }, x, y) {
  let least = Infinity;
  for (let t = 0; t <= 1; t += 1 / 32) {
    const s = 1 - t;
    const px = s ** 3 * x0 + 3 * s * t * ((x0 + x1) / 2) + t ** 3 * x1;
    const py = (s ** 3 + 3 * s * s * t) * y0 + (3 * s * t * t + t ** 3) * y1;
    least = Math.min(least, Math.hypot(px - x, py - y));
  }
  return least;
}
