// The losses over time.

import { crisp, number } from "./dom.js";
import { colour } from "./colours.js";

/** @import {Both} from "../types.js" */

/** When more are kept, every other one goes. */
const MOST = 600;
const EDGE = { left: 8, right: 34, top: 16, bottom: 18 };

/** @typedef {{ step: number, train: number | null, test: number | null }} Moment */

/** @param {HTMLCanvasElement} canvas */
export function curve(canvas) {
  /** @type {Moment[]} */
  let moments = [];
  let every = 1;
  let come = 0;

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height */
  function lines(context, width, height) {
    const losses = moments.flatMap(({ train, test }) => [train, test]).filter((loss) => loss !== null);
    const most = Math.max(...losses, 1e-9);
    const end = Math.max(moments[moments.length - 1].step, 1);
    const x = (/** @type {number} */ step) => EDGE.left + (step / end) * (width - EDGE.left - EDGE.right);
    const y = (/** @type {number} */ loss) => height - EDGE.bottom - (loss / most) * (height - EDGE.top - EDGE.bottom);
    context.font = "12px Arial, sans-serif";
    context.fillStyle = colour("quiet");
    context.fillText(number(most), EDGE.left, 11);
    context.fillText("0", EDGE.left, height - 4);
    context.textAlign = "right";
    context.fillText(`step ${end.toLocaleString("en")}`, width - EDGE.right, height - 4);
    context.textAlign = "left";
    context.strokeStyle = colour("line");
    context.strokeRect(EDGE.left + 0.5, height - EDGE.bottom + 0.5, width - EDGE.left - EDGE.right, 0);
    const ends = /** @type {const} */ (["test", "train"]).map((name) => {
      const known = moments.filter((moment) => moment[name] !== null);
      context.strokeStyle = context.fillStyle = name === "train" ? colour("quiet") : colour("accent");
      context.lineWidth = name === "train" ? 1.5 : 2;
      context.beginPath();
      for (const moment of known) context.lineTo(x(moment.step), y(moment[name] ?? 0));
      context.stroke();
      return { name, at: known.length > 0 ? y(known[known.length - 1][name] ?? 0) : null };
    });
    label(context, ends, width);
  }

  /**
   * The names stand at the ends of the lines, and not over each other.
   * @param {CanvasRenderingContext2D} context
   * @param {{ name: string, at: number | null }[]} ends
   * @param {number} width
   */
  function label(context, [test, train], width) {
    const close = test.at !== null && train.at !== null && Math.abs(test.at - train.at) < 13;
    const middle = ((test.at ?? 0) + (train.at ?? 0)) / 2;
    const above = (test.at ?? 0) <= (train.at ?? 0) ? test : train;
    for (const end of [test, train]) {
      if (end.at === null) continue;
      const at = close ? middle + (end === above ? -6.5 : 6.5) : end.at;
      context.fillStyle = end === train ? colour("quiet") : colour("accent");
      context.fillText(end.name, width - EDGE.right + 4, at + 4);
    }
  }

  return {
    clear() {
      moments = [];
      every = 1;
      come = 0;
    },
    /** @param {number} step @param {Both} loss */
    add(step, loss) {
      come += 1;
      if (come % every !== 0 && moments.length > 1) moments.pop();
      moments.push({ step, train: loss.train, test: loss.test });
      if (moments.length <= MOST) return;
      moments = moments.filter((_, at) => at % 2 === 0);
      every *= 2;
    },
    paint() {
      const there = crisp(canvas);
      if (there && moments.length > 0) lines(there.context, there.width, there.height);
    },
  };
}
