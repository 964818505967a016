// The plane: a map of what a neuron answers everywhere, and the points over it.

import { crisp, make } from "./dom.js";
import { colour, paintMap } from "./colours.js";

/** @import {Begun, Point} from "../types.js" */

/** The plane reaches so far from the middle. */
const FAR = 6;

/** @param {HTMLCanvasElement} canvas */
export function plane(canvas) {
  const map = make("canvas");

  /** @param {number} width */
  const pixel = (width) => (/** @type {number} */ x, /** @type {number} */ y) =>
    [((x + FAR) / (2 * FAR)) * width, ((FAR - y) / (2 * FAR)) * width];

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {Point[]} points
   * @param {"train" | "test"} kind
   */
  function dots(context, width, points, kind) {
    const place = pixel(width);
    for (const [x, y, label] of points) {
      const [left, top] = place(x, y);
      context.beginPath();
      context.arc(left, top, kind === "train" ? 3.6 : 3.1, 0, 2 * Math.PI);
      const own = colour(label === 1 ? "above" : "below");
      context.fillStyle = kind === "train" ? own : colour("box");
      context.strokeStyle = kind === "train" ? colour("box") : own;
      context.lineWidth = kind === "train" ? 1.2 : 1.6;
      context.fill();
      context.stroke();
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {Point} chosen */
  function ring(context, width, [x, y]) {
    const [left, top] = pixel(width)(x, y);
    context.beginPath();
    context.arc(left, top, 8, 0, 2 * Math.PI);
    context.strokeStyle = colour("ink");
    context.lineWidth = 2;
    context.stroke();
  }

  return {
    /**
     * @param {string} bytes
     * @param {number} side
     * @param {Begun["points"]} points
     * @param {Point | null} chosen
     */
    paint(bytes, side, points, chosen) {
      const there = crisp(canvas);
      if (!there) return;
      paintMap(map, bytes, side);
      there.context.imageSmoothingEnabled = true;
      there.context.drawImage(map, 0, 0, there.width, there.height);
      dots(there.context, there.width, points.train, "train");
      dots(there.context, there.width, points.test, "test");
      if (chosen) ring(there.context, there.width, chosen);
    },
    /** Where on the plane a pointer is. @param {MouseEvent} event */
    place(event) {
      const box = canvas.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * 2 * FAR - FAR;
      const y = FAR - ((event.clientY - box.top) / box.height) * 2 * FAR;
      return { x: Number(x.toFixed(2)), y: Number(y.toFixed(2)) };
    },
  };
}
