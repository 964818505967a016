// A small picture of each set of points.

import { draw } from "./dom.js";

/** @typedef {[number, number, 0 | 1]} Dot */

/** @param {number} count @param {(at: number) => Dot} dot @returns {Dot[]} */
const dots = (count, dot) => Array.from({ length: count }, (_, at) => dot(at));

/** @param {number} x @param {number} y @param {number} radius @param {number} turn @param {0 | 1} label @returns {Dot} */
const around = (x, y, radius, turn, label) =>
  [x + radius * Math.cos(2 * Math.PI * turn), y + radius * Math.sin(2 * Math.PI * turn), label];

/** @param {number} x @param {number} y @param {0 | 1} label */
const cluster = (x, y, label) => [...dots(6, (at) => around(x, y, 6.5, at / 6, label)), around(x, y, 0, 0, label)];

/** @type {Record<string, Dot[]>} */
const SETS = {
  circle: [...dots(16, (at) => around(20, 20, 16, at / 16, 0)), ...dots(6, (at) => around(20, 20, 6, at / 6, 1)), [20, 20, 1]],
  xor: dots(36, (at) => {
    const [column, row] = [at % 6, Math.floor(at / 6)];
    return [5 + 6 * column, 5 + 6 * row, column < 3 === row < 3 ? 0 : 1];
  }),
  gauss: [...cluster(28, 12, 1), ...cluster(12, 28, 0)],
  spiral: dots(36, (at) => around(20, 20, 2 + at / 2.2, (at >> 1) / 13 + (at % 2) / 2, at % 2 === 0 ? 1 : 0)),
  own: [[10, 12, 1], [16, 24, 1], [30, 10, 0], [24, 32, 0]],
};

/** @param {string} set */
export function thumb(set) {
  return draw("svg", { class: "thumb", viewBox: "0 0 40 40", "aria-hidden": "true" },
    ...(SETS[set] ?? []).map(([cx, cy, label]) => draw("circle", { cx, cy, r: 1.9, class: label === 1 ? "one" : "zero" })));
}
