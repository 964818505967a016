// The readings beside the diagram: counters, losses, findings.

import { find, make, number, percent } from "./dom.js";

/** @import {Frame} from "../types.js" */

/** @param {Frame} frame */
export function readings({ epoch, step, loss, accuracy }) {
  const texts = {
    epoch: epoch.toLocaleString("en"), steps: step.toLocaleString("en"),
    "loss-train": number(loss.train), "loss-test": number(loss.test),
    "accuracy-train": percent(accuracy.train), "accuracy-test": percent(accuracy.test),
  };
  for (const [name, text] of Object.entries(texts)) find(name, HTMLElement).textContent = text;
}

/** By the clock on the wall. @param {{ frames: number, steps: number }} rate */
export function rates({ frames, steps }) {
  find("frames", HTMLElement).textContent = frames.toFixed(0);
  find("rate", HTMLElement).textContent = Math.round(steps).toLocaleString("en");
}

/** A finding is announced when it comes, not with every frame. @param {Frame} frame */
export function findings({ findings, diverged }) {
  const place = find("doctor", HTMLElement);
  const state = JSON.stringify([findings, diverged]);
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  const all = findings.map(({ title, evidence, cure }) => finding(title, evidence, cure));
  if (diverged) all.unshift(finding("Training has stopped", diverged, "Reset begins again."));
  place.replaceChildren(...(all.length > 0 ? all : [make("p", { class: "hint" }, "Nothing to report.")]));
}

/** @param {string} title @param {string} evidence @param {string} cure */
const finding = (title, evidence, cure) => make("article", { class: "finding" },
  make("h3", {}, title), make("p", {}, evidence), make("p", { class: "cure" }, cure));
