// The losses over time.

import { crisp, number } from "./dom.js";
import { colour } from "./colours.js";

/** @import {Both} from "../types.js" */

/** When more are kept, every other one goes. */
const MOST = 600;
const EDGE = { left: 8, right: 34, top: 16, bottom: 18 };
/** Names of lines stand so far apart. */
const LINE = 13;

/** @typedef {{ step: number, train: number | null, test: number | null }} Moment */
/** Where a line ends, or null if there is none. @typedef {{ name: "train" | "test", at: number | null }} End */

/** The canvas of both losses. */
export class Curve {
  #canvas;
  /** @type {Moment[]} */
  #moments = [];
  #every = 1;
  #come = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
  }

  clear() {
    this.#moments = [];
    this.#every = 1;
    this.#come = 0;
  }

  /** @param {number} step @param {Both} loss */
  add(step, loss) {
    this.#come += 1;
    if (this.#come % this.#every !== 0 && this.#moments.length > 1) this.#moments.pop();
    this.#moments.push({ step, train: loss.train, test: loss.test });
    if (this.#moments.length <= MOST) return;
    this.#moments = this.#moments.filter((_, at) => at % 2 === 0);
    this.#every *= 2;
  }

  paint() {
    const there = crisp(this.#canvas);
    if (there && this.#moments.length > 0) paint(there.context, there.width, there.height, this.#moments);
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {Moment[]} moments */
function paint(context, width, height, moments) {
  const losses = moments.flatMap(({ train, test }) => [train, test]).filter((loss) => loss !== null);
  const most = Math.max(...losses, 1e-9);
  const end = Math.max(moments[moments.length - 1].step, 1);
  const x = (/** @type {number} */ step) => EDGE.left + (step / end) * (width - EDGE.left - EDGE.right);
  const y = (/** @type {number} */ loss) => height - EDGE.bottom - (loss / most) * (height - EDGE.top - EDGE.bottom);
  axes(context, width, height, most, end);
  const ends = /** @type {const} */ (["test", "train"]).map((name) => {
    const known = moments.filter((moment) => moment[name] !== null);
    context.strokeStyle = inkOf(name);
    context.lineWidth = name === "train" ? 1.5 : 2;
    context.beginPath();
    for (const moment of known) context.lineTo(x(moment.step), y(moment[name] ?? 0));
    context.stroke();
    return { name, at: known.length > 0 ? y(known[known.length - 1][name] ?? 0) : null };
  });
  names(context, ends, width);
}

/** @param {"train" | "test"} name */
const inkOf = (name) => colour(name === "train" ? "quiet" : "accent");

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @param {number} most the loss at the top
 * @param {number} end the last step
 */
function axes(context, width, height, most, end) {
  context.font = "12px Arial, sans-serif";
  context.fillStyle = colour("quiet");
  context.fillText(number(most), EDGE.left, 11);
  context.fillText("0", EDGE.left, height - 4);
  context.textAlign = "right";
  context.fillText(`step ${end.toLocaleString("en")}`, width - EDGE.right, height - 4);
  context.textAlign = "left";
  context.lineWidth = 1;
  context.strokeStyle = colour("line");
  context.strokeRect(EDGE.left, height - EDGE.bottom + 0.5, width - EDGE.left - EDGE.right, 0);
}

/**
 * The names stand at the ends of the lines, and not over each other.
 * @param {CanvasRenderingContext2D} context
 * @param {End[]} ends
 * @param {number} width
 */
function names(context, [test, train], width) {
  const close = test.at !== null && train.at !== null && Math.abs(test.at - train.at) < LINE;
  const middle = ((test.at ?? 0) + (train.at ?? 0)) / 2;
  const above = (test.at ?? 0) <= (train.at ?? 0) ? test : train;
  for (const end of [test, train]) {
    if (end.at === null) continue;
    const at = close ? middle + (end === above ? -LINE : LINE) / 2 : end.at;
    context.fillStyle = inkOf(end.name);
    context.fillText(end.name, width - EDGE.right + 4, at + 4);
  }
}
