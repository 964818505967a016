// The plane: a map of what a neuron answers everywhere, and the points over it.

import { crisp, make } from "./dom.js";
import { colour, paintMap } from "./colours.js";

/** @import {Begun, Point} from "../types.js" */

/** The plane reaches so far from the middle. */
const FAR = 6;

export class Plane {
  #canvas;
  #map = make("canvas");

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
  }

  /**
   * @param {string} bytes
   * @param {number} side
   * @param {Begun["points"]} points
   * @param {Point | null} chosen
   */
  paint(bytes, side, points, chosen) {
    const there = crisp(this.#canvas);
    if (!there) return;
    const { context, width, height } = there;
    paintMap(this.#map, bytes, side);
    context.drawImage(this.#map, 0, 0, width, height);
    dots(context, width, points.train, true);
    dots(context, width, points.test, false);
    if (chosen) ring(context, width, chosen);
  }

  /** Where on the plane a pointer is. @param {MouseEvent} event */
  place(event) {
    const box = this.#canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 2 * FAR - FAR;
    const y = FAR - ((event.clientY - box.top) / box.height) * 2 * FAR;
    return { x: Number(x.toFixed(2)), y: Number(y.toFixed(2)) };
  }
}

/** The position of the point next to a place. @param {Point[]} points @param {{ x: number, y: number }} place */
export function nearest(points, { x, y }) {
  const far = points.map((point) => Math.hypot(point[0] - x, point[1] - y));
  return far.indexOf(Math.min(...far));
}

/** @param {number} width @param {Point} point */
const pixel = (width, [x, y]) => /** @type {const} */ ([((x + FAR) / (2 * FAR)) * width, ((FAR - y) / (2 * FAR)) * width]);

/**
 * Points to learn from are filled, those to test on hollow.
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {Point[]} points
 * @param {boolean} filled
 */
function dots(context, width, points, filled) {
  for (const point of points) {
    const own = colour(point[2] === 1 ? "above" : "below");
    context.fillStyle = filled ? own : colour("box");
    context.strokeStyle = filled ? colour("box") : own;
    context.lineWidth = filled ? 1.2 : 1.6;
    context.beginPath();
    context.arc(...pixel(width, point), filled ? 3.6 : 3.1, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {Point} point */
function ring(context, width, point) {
  context.strokeStyle = colour("ink");
  context.lineWidth = 2;
  context.beginPath();
  context.arc(...pixel(width, point), 8, 0, 2 * Math.PI);
  context.stroke();
}
