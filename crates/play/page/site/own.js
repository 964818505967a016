// The reader's own points: set by clicks, read from text or from a file.

import { button, make } from "./dom.js";
import { table } from "./csv.js";

/** @import {Hello, Point, Settings} from "../types.js" */

/** Larger files are no points for a plane. */
const MOST_BYTES = 1 << 20;

/**
 * @param {HTMLElement} panel
 * @param {Hello} hello
 * @param {Settings} settings
 * @param {() => void} changed
 */
export function ownPoints(panel, hello, settings, changed) {
  const text = make("textarea", { id: "own-text", rows: 4, class: "code", spellcheck: "false", placeholder: "x, y, label\n1.5, -2, 0\n-3, 4, 1" });
  const file = make("input", { type: "file", id: "own-file", accept: ".csv,.tsv,.txt,text/csv" });
  const note = make("p", { class: "hint", role: "status" });
  const label = make("select", { id: "own-label" }, make("option", { value: "1" }, "class 1"), make("option", { value: "0" }, "class 0"));

  /** @param {string} content */
  function take(content) {
    try {
      const read = table(content, hello.limits.points);
      settings.points = read.points;
      note.textContent = read.note;
      note.classList.remove("wrong");
      changed();
    } catch (error) {
      note.textContent = error instanceof Error ? error.message : String(error);
      note.classList.add("wrong");
    }
  }

  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    if (!chosen) return;
    if (chosen.size > MOST_BYTES) take("");
    else take(await chosen.text());
  });
  panel.replaceChildren(
    make("div", { class: "field" }, make("label", { for: "own-label" }, "A click on the plane adds a point of"), label),
    make("div", { class: "field" }, make("label", { for: "own-text" }, "Or a table: x, y, label"), text),
    make("div", { class: "row" }, button("Take the table", () => take(text.value)),
      button("Remove all", () => { settings.points = []; note.textContent = "There are no points."; changed(); })),
    make("div", { class: "field" }, make("label", { for: "own-file" }, "Or a file"), file), note);
  if (hello.own) note.textContent = [hello.own.name, hello.own.note].filter(Boolean).join(": ");

  return {
    /** @param {{ x: number, y: number }} place */
    add({ x, y }) {
      if (settings.points.length >= hello.limits.points) return;
      settings.points = [...settings.points, /** @type {Point} */ ([x, y, Number(label.value)])];
      note.textContent = `${settings.points.length} points.`;
      changed();
    },
  };
}
