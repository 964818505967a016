// A digit is drawn; a network trained on MNIST answers, and shows what its answer hangs on.

import { EngineError } from "./transport.js";
import { button, crisp, find, make, newest, onClick, percent } from "./dom.js";
import { colour, onTheme, paintMap } from "./colours.js";
import { DRAWINGS } from "./strokes.js";

/** @import {Digit, Transport} from "../types.js" */
/** @import {Place} from "./strokes.js" */

const SIDE = 28;
/** The width of the pen, as a share of the paper: about two pixels of MNIST. */
const PEN = 0.075;

const paper = find("paper", HTMLCanvasElement);
const seen = find("seen", HTMLCanvasElement);

/** @param {Transport} engine */
export function digits(engine) {
  /** @type {Place[][]} */
  let strokes = [];
  /** @type {Digit | null} */
  let answer = null;
  /** The digit whose gradient is shown; the answer's if none is chosen. @type {number | null} */
  let asked = null;
  const sheet = make("canvas", { width: SIDE, height: SIDE });
  const tint = make("canvas");
  const rows = bars((digit) => { asked = digit; show(); });

  const ask = newest(async () => {
    const drawn = strokes;
    if (drawn.length === 0) return;
    try {
      const next = await engine.call("digit", { pixels: pixels(sheet, drawn) });
      answer = strokes.length > 0 ? next : null;
      show();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      find("answer", HTMLElement).textContent = error.message;
    }
    busy(drawn !== strokes && strokes.length > 0);
  });

  function changed() {
    const there = crisp(paper);
    if (there) ink(there.context, there.width, strokes, colour("ink"));
    if (strokes.length === 0) answer = null;
    show();
    busy(strokes.length > 0);
    ask(null);
  }

  function show() {
    const shown = asked ?? answer?.digit ?? null;
    find("answer", HTMLElement).replaceChildren(...sentence(answer));
    rows.forEach((row, digit) => fill(row, answer?.probabilities[digit] ?? 0, answer?.digit === digit, shown === digit));
    overlay(seen, tint, answer, shown);
    find("seen-words", HTMLElement).textContent = answer && shown !== null
      ? `The gradient of the score of ${shown}, on the drawing centred as in MNIST. Choose another digit to see what speaks for it.` : "";
  }

  pen(strokesOf => { strokes = strokesOf(strokes); asked = null; changed(); });
  onClick(find("clear", HTMLElement), () => { strokes = []; asked = null; changed(); });
  find("drawings", HTMLElement).append(...DRAWINGS.map((drawing, digit) =>
    button(String(digit), () => { strokes = drawing; asked = null; changed(); }, { "aria-label": `a drawn ${digit}` })));
  onTheme(changed);
  return { open: changed, close() {} };
}

/** What stands there is of an older drawing. @param {boolean} now */
const busy = (now) => find("answer", HTMLElement).setAttribute("aria-busy", String(now));

/** @param {Digit | null} answer */
function sentence(answer) {
  if (!answer) return ["Nothing is drawn yet."];
  return ["This is a ", make("b", {}, String(answer.digit)), `, ${percent(answer.probabilities[answer.digit])} sure.`];
}

/** @param {(digit: number) => void} choose */
function bars(choose) {
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const row = button("", () => choose(digit), { class: "bar-row", "aria-pressed": "false" });
    row.append(make("b", {}, String(digit)), make("span", { class: "track" }, make("i")), make("span", { class: "share" }, "–"));
    return row;
  });
  find("bars", HTMLElement).append(...rows);
  return rows;
}

/** @param {HTMLElement} row @param {number} share @param {boolean} best @param {boolean} shown */
function fill(row, share, best, shown) {
  const bar = row.querySelector("i");
  if (bar) bar.style.width = `${100 * share}%`;
  const text = row.querySelector(".share");
  if (text) text.textContent = percent(share);
  row.classList.toggle("best", best);
  row.setAttribute("aria-pressed", String(shown));
}

/**
 * Draws strokes as wide as a pen.
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {Place[][]} strokes
 * @param {string} ink
 */
function ink(context, width, strokes, ink) {
  context.strokeStyle = ink;
  context.lineWidth = PEN * width;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    for (const [x, y] of stroke) context.lineTo(x * width, y * width);
    // A dot is a line to itself.
    if (stroke.length === 1) context.lineTo(stroke[0][0] * width, stroke[0][1] * width);
    context.stroke();
  }
}

/** The drawing in 28 × 28 bytes, as base64. @param {HTMLCanvasElement} sheet @param {Place[][]} strokes */
function pixels(sheet, strokes) {
  const context = sheet.getContext("2d", { willReadFrequently: true });
  if (!context) return "";
  context.clearRect(0, 0, SIDE, SIDE);
  ink(context, SIDE, strokes, "#000");
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return btoa(Array.from({ length: SIDE * SIDE }, (_, at) => String.fromCharCode(data[4 * at + 3])).join(""));
}

/**
 * The drawing as the network sees it, with the gradient over it.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLCanvasElement} tint
 * @param {Digit | null} answer
 * @param {number | null} digit
 */
function overlay(canvas, tint, answer, digit) {
  const context = canvas.getContext("2d");
  if (!context) return;
  context.clearRect(0, 0, SIDE, SIDE);
  if (!answer || digit === null) return;
  const gradient = answer.gradients[digit];
  // The few strongest would leave the rest pale.
  const most = gradient.map(Math.abs).sort((a, b) => a - b)[Math.floor(0.98 * gradient.length)] || 1;
  const byte = (/** @type {number} */ one) => 128 + Math.round(127 * Math.max(-1, Math.min(1, one / most)));
  paintMap(tint, btoa(gradient.map((one) => String.fromCharCode(byte(one))).join("")), SIDE);
  context.drawImage(tint, 0, 0);
  context.fillStyle = colour("ink");
  answer.pixels.forEach((pixel, at) => {
    context.globalAlpha = 0.62 * pixel;
    context.fillRect(at % SIDE, Math.floor(at / SIDE), 1, 1);
  });
  context.globalAlpha = 1;
}

/** Strokes with mouse, finger or pen. @param {(change: (strokes: Place[][]) => Place[][]) => void} change */
function pen(change) {
  let down = false;
  const places = (/** @type {PointerEvent} */ event) => {
    const box = paper.getBoundingClientRect();
    const all = event.getCoalescedEvents?.() ?? [];
    return (all.length > 0 ? all : [event]).map((one) =>
      /** @type {Place} */ ([(one.clientX - box.left) / box.width, (one.clientY - box.top) / box.height]));
  };
  paper.addEventListener("pointerdown", (event) => {
    down = true;
    paper.setPointerCapture(event.pointerId);
    change((strokes) => [...strokes, places(event)]);
  });
  paper.addEventListener("pointermove", (event) => {
    if (down) change((strokes) => [...strokes.slice(0, -1), [...(strokes.at(-1) ?? []), ...places(event)]]);
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    paper.addEventListener(end, () => { down = false; });
  }
}
