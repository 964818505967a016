// The settings of a network: fields of the page, and text in the address.

import { make, number } from "./dom.js";
import { EngineError } from "./transport.js";

/** @import {Hello, Point, Settings} from "../types.js" */

/** More points make no link that can be sent. */
const MOST_SHARED = 300;

/**
 * A field: where it stands, what it is called, and what can be chosen.
 * @typedef {object} Field
 * @property {"activation" | "loss" | "optimizer" | "init" | "learning_rate" | "l2" | "batch_size" | "seed" | "samples" | "noise" | "test_share"} name
 * @property {string} label
 * @property {string[]} [choices]
 * @property {[number, number, number]} [range] least, most, step
 * @property {string} [step]
 * @property {number} [least]
 * @property {number} [most]
 */

/** @param {Hello} hello @returns {Field[]} */
const ofTraining = (hello) => [
  { name: "activation", label: "Activation", choices: hello.activations },
  { name: "loss", label: "Loss", choices: hello.losses },
  { name: "optimizer", label: "Optimiser", choices: hello.optimizers.map(([name]) => name) },
  { name: "learning_rate", label: "Learning rate", step: "any", least: 0 },
  { name: "l2", label: "L2 penalty λ", step: "any", least: 0 },
  { name: "init", label: "First weights", choices: hello.inits },
];

/** @param {Hello} hello @returns {Field[]} */
const ofData = ({ limits }) => [
  { name: "samples", label: "Points", range: [20, Math.min(1000, limits.points), 20] },
  { name: "noise", label: "Noise", range: [0, 0.5, 0.05] },
  { name: "test_share", label: "Share to test on", range: [0, 0.9, 0.1] },
  { name: "batch_size", label: "Batch size", range: [1, Math.min(100, limits.batch_size), 1] },
  { name: "seed", label: "Seed", step: "1", least: 0, most: Number.MAX_SAFE_INTEGER },
];

/** @param {Field} field @param {Settings} settings */
function control(field, settings) {
  const id = `set-${field.name}`;
  const label = make("label", { for: id }, field.label);
  if (field.choices) {
    const options = field.choices.map((choice) => make("option", { value: choice }, choice));
    const select = make("select", { id, name: field.name }, ...options);
    select.value = String(settings[field.name]);
    return make("div", { class: "field" }, label, select);
  }
  const [min, max, step] = field.range ?? [field.least ?? null, field.most ?? null, field.step ?? null];
  const input = make("input", { id, name: field.name, type: field.range ? "range" : "number", min, max, step });
  input.value = String(settings[field.name]);
  const shown = field.range ? make("output", { for: id }, number(Number(input.value))) : null;
  return make("div", { class: "field" }, make("div", { class: "named" }, label, shown), input);
}

/**
 * Makes the fields, and tells which of them changes.
 * @param {Hello} hello
 * @param {Settings} settings
 * @param {{ training: HTMLElement, data: HTMLElement }} places
 * @param {(name: keyof Settings) => void} changed
 * @param {(mistake: EngineError) => void} wrong what was typed is no value
 */
export function fields(hello, settings, { training, data }, changed, wrong) {
  const all = [...ofTraining(hello), ...ofData(hello)];
  training.replaceChildren(...ofTraining(hello).map((field) => control(field, settings)));
  data.replaceChildren(...ofData(hello).map((field) => control(field, settings)));
  const take = (/** @type {Event} */ event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement || input instanceof HTMLSelectElement)) return;
    const field = all.find(({ name }) => name === input.name);
    if (!field) return;
    const found = mistake(input);
    if (found) return wrong(found);
    if (input.value === "") return;
    Object.assign(settings, { [field.name]: field.choices ? input.value : Number(input.value) });
    if (field.name === "optimizer") usualRate(hello, settings);
    refresh(settings);
    changed(field.name);
  };
  for (const place of [training, data]) {
    place.addEventListener("input", take);
    place.addEventListener("submit", (event) => event.preventDefault());
  }
}

/** What is wrong with a field, if anything is. @param {HTMLInputElement | HTMLSelectElement} input */
function mistake(input) {
  if (input instanceof HTMLSelectElement || input.checkValidity()) return null;
  const most = input.max === "" ? "" : ` to ${Number(input.max).toLocaleString("en")}`;
  const kind = input.step === "1" ? "a whole number" : "a number";
  return new EngineError({ message: `it must be ${kind} from ${input.min}${most}`, where: input.name });
}

/** The first field with a value that is none, as a link can bring it; `refresh` comes before. */
export function firstMistake() {
  const inputs = [...document.querySelectorAll("input[id^=set-]")];
  return inputs.map((input) => (input instanceof HTMLInputElement ? mistake(input) : null)).find(Boolean) ?? null;
}

/** Another optimiser goes with another rate. @param {Hello} hello @param {Settings} settings */
function usualRate(hello, settings) {
  const known = hello.optimizers.find(([name]) => name === settings.optimizer);
  if (known) settings.learning_rate = known[1];
}

/** Shows what the settings are now. @param {Settings} settings */
export function refresh(settings) {
  for (const input of document.querySelectorAll("[id^=set-]")) {
    if (!(input instanceof HTMLInputElement || input instanceof HTMLSelectElement)) continue;
    const value = settings[/** @type {Field["name"]} */ (input.name)];
    if (input !== document.activeElement) input.value = String(value);
    const shown = input.parentElement?.querySelector("output");
    if (shown) shown.textContent = number(Number(value));
  }
}

/** What differs from the settings to begin with. @param {Settings} settings @param {Settings} first */
export function toAddress(settings, first) {
  const state = new URLSearchParams();
  for (const [key, value] of Object.entries(settings)) {
    const before = first[/** @type {keyof Settings} */ (key)];
    if (key === "points") {
      if (settings.set === "own" && settings.points.length <= MOST_SHARED) state.set(key, fromPoints(settings.points));
    } else if (key !== "side" && String(value) !== String(before)) state.set(key, String(value));
  }
  return state;
}

/** @param {URLSearchParams} state @param {Settings} first @returns {Settings} */
export function fromAddress(state, first) {
  /** @type {Record<string, unknown>} */
  const settings = structuredClone({ ...first });
  for (const [key, text] of state) {
    const before = first[/** @type {keyof Settings} */ (key)];
    if (key === "points") settings.points = toPoints(text);
    else if (key === "features") settings.features = text.split(",").filter(Boolean);
    else if (key === "hidden") settings.hidden = text.split(",").map(Number).filter((size) => size >= 1);
    else if (typeof before === "number" && Number.isFinite(Number(text))) settings[key] = Number(text);
    else if (typeof before === "string") settings[key] = text;
  }
  return /** @type {Settings} */ (/** @type {unknown} */ (settings));
}

/** @param {Point[]} points */
const fromPoints = (points) =>
  points.map(([x, y, label]) => `${Number(x.toFixed(2))},${Number(y.toFixed(2))},${label}`).join(";");

/** @param {string} text @returns {Point[]} */
function toPoints(text) {
  const points = text.split(";").map((point) => point.split(",").map(Number));
  return points.filter((point) => point.length === 3 && point.every(Number.isFinite))
    .map(([x, y, label]) => [x, y, label]);
}
