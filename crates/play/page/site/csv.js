// Points from a table that the reader brings: x, y and a label a line.

/** @import {Point} from "../types.js" */

/** Points may lie so far from the middle. */
const FAR = 6;

/**
 * Reads a table of three columns.
 * @param {string} text
 * @param {number} most how many points there may be
 * @returns {{ points: Point[], note: string }}
 */
export function table(text, most) {
  const lines = text.split(/\r?\n/).map((line, at) => ({ at: at + 1, cells: cells(line) }));
  const filled = lines.filter(({ cells }) => cells.length > 0);
  if (filled.length > 0 && filled[0].cells.slice(0, 2).some((cell) => !isNumber(cell))) filled.shift();
  if (filled.length === 0) throw new Error("There are no points: write x, y and a label in each line.");
  if (filled.length > most) throw new Error(`There are ${filled.length} lines; ${most} points are the most.`);
  const rows = filled.map(({ at, cells }) => row(at, cells));
  const labels = [...new Set(rows.map(({ label }) => label))].sort();
  if (labels.length > 2) throw new Error(`There are ${labels.length} labels (${labels.slice(0, 4).join(", ")}…); two can be told apart.`);
  const [x, y] = [scaled(rows.map((one) => one.x)), scaled(rows.map((one) => one.y))];
  const one = labels.length === 2 ? labels[1] : "1";
  const points = rows.map(({ label }, at) => /** @type {Point} */ ([x.values[at], y.values[at], label === one ? 1 : 0]));
  const names = labels.length === 2 ? ` “${labels[0]}” is class 0, “${labels[1]}” class 1.` : "";
  const moved = x.moved || y.moved ? " They were scaled to fit the plane." : "";
  return { points, note: `${points.length} points.${names}${moved}` };
}

/** @param {string} text */
const isNumber = (text) => text !== "" && Number.isFinite(Number(text));

/** @param {string} line */
function cells(line) {
  const separator = [",", ";", "\t"].find((one) => line.includes(one)) ?? /\s+/;
  return line.trim() === "" ? [] : line.trim().split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
}

/** @param {number} at @param {string[]} cells */
function row(at, [x, y, label, ...more]) {
  if (label === undefined || more.length > 0) throw new Error(`Line ${at}: three columns are wanted, x, y and a label.`);
  if (!isNumber(x) || !isNumber(y)) throw new Error(`Line ${at}: “${isNumber(x) ? y : x}” is not a number.`);
  return { x: Number(x), y: Number(y), label };
}

/** Into the plane, if they do not lie in it. @param {number[]} values */
function scaled(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (least >= -FAR && most <= FAR) return { values, moved: false };
  const factor = most > least ? (2 * (FAR - 1)) / (most - least) : 0;
  return { values: values.map((value) => (value - (least + most) / 2) * factor), moved: true };
}
