// An expression, its graph, and the gradient as its variables move.

import { EngineError } from "./transport.js";
import { find, make, newest, onClick } from "./dom.js";
import { draggable, graph, show } from "./graph.js";
import { strides, sweep, walk } from "./replay.js";
import { write } from "./link.js";

/** @import {ExpressionAnswer, Hello, Transport} from "../types.js" */

const source = find("source", HTMLTextAreaElement);
const problem = find("source-problem", HTMLElement);
const example = find("example", HTMLSelectElement);
const frame = find("graph", HTMLElement);
const step = find("step", HTMLInputElement);
const words = find("words", HTMLElement);
const panel = find("variables", HTMLElement);
const ways = { sweep: find("by-sweep", HTMLElement), path: find("by-path", HTMLElement) };

/** @type {Record<string, number>} */
let values = {};
/** @type {{ answer: ExpressionAnswer, drawn: ReturnType<typeof graph> } | null} */
let shown = null;
let walking = false;

/** @param {Transport} engine @param {Hello} hello */
export function expression(engine, hello) {
  const ask = newest(async () => {
    try {
      take(await engine.call("expression", { source: source.value, values }));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      say(error.message);
    }
  });
  const change = () => ask(null);
  source.maxLength = hello.limits.expression;
  source.addEventListener("input", () => { example.value = ""; fit(); change(); });
  choices(hello, change);
  controls();
  panel.addEventListener("input", (event) => typed(event, change));
  draggable(frame, (name, tenths) => {
    values[name] = Math.round(10 * (values[name] ?? 1) + tenths) / 10;
    change();
  });
  return {
    /** @param {URLSearchParams} state */
    open(state) {
      const first = hello.examples[0];
      const text = state.get("f");
      if (text === null && shown) return share();
      source.value = text ?? first.source;
      values = text === null ? { ...first.values } : parsed(state.get("at") ?? "");
      example.value = hello.examples.find((known) => known.source === source.value)?.name ?? "";
      fit();
      change();
    },
    close() {},
  };
}

/** @param {string} message */
function say(message) {
  problem.textContent = message;
  source.setAttribute("aria-invalid", String(message !== ""));
}

/** As high as its text. */
function fit() {
  source.style.height = "auto";
  source.style.height = `${source.scrollHeight + 2}px`;
}

/** The values in an address: `a:2,b:1`. @param {string} text */
function parsed(text) {
  const pairs = text.split(",").map((pair) => pair.split(":"));
  return Object.fromEntries(pairs.filter(([name, value]) => name && Number.isFinite(Number(value)))
    .map(([name, value]) => [name, Number(value)]));
}

function share() {
  const at = shown?.answer.variables.map((name) => `${name}:${values[name]}`).join(",");
  write("expression", new URLSearchParams({ f: source.value, ...(at && { at }) }));
}

/** @param {Hello} hello @param {() => void} change */
function choices(hello, change) {
  const names = hello.examples.map(({ name }) => make("option", { value: name }, name));
  example.append(make("option", { value: "" }, "your own"), ...names);
  example.addEventListener("change", () => {
    const chosen = hello.examples.find(({ name }) => name === example.value);
    if (!chosen) return source.focus();
    source.value = chosen.source;
    values = { ...chosen.values };
    fit();
    change();
  });
}

/** @param {ExpressionAnswer} answer */
function take(answer) {
  say("");
  const whole = !shown || Number(step.value) === Number(step.max) || steps(shown.answer) !== steps(answer);
  const focused = document.activeElement?.getAttribute("data-node");
  shown = { answer, drawn: graph(answer) };
  frame.replaceChildren(shown.drawn.svg);
  if (focused) shown.drawn.nodes.find((node) => node.getAttribute("data-node") === focused)?.focus();
  // New variables have the engine's value; the others may have moved on while it was computing.
  for (const { name, value } of answer.gradient.nodes) {
    if (answer.variables.includes(name)) values[name] ??= value;
  }
  ways.path.hidden = answer.picture.walks.length === 0;
  if (ways.path.hidden) walking = false;
  step.max = String(steps(answer));
  if (whole) step.value = step.max;
  variables(answer);
  table(answer);
  replay();
  share();
}

/** @param {ExpressionAnswer} answer */
const steps = ({ picture }) => (walking ? strides(picture) : picture.steps.length);

/** @param {ExpressionAnswer} answer */
function topOf({ picture }) {
  const start = picture.steps.find((one) => one.kind === "start");
  return picture.nodes[start?.kind === "start" ? start.node : picture.nodes.length - 1];
}

/** One row a variable. Rows stay while their names do, so that a slider can be held. @param {ExpressionAnswer} answer */
function variables(answer) {
  const top = topOf(answer);
  const rows = [...panel.querySelectorAll(".variable")];
  const same = rows.map((row) => row.getAttribute("data-name")).join() === answer.variables.join();
  if (!same) panel.replaceChildren(make("p", { class: "result" }), ...answer.variables.map(row));
  const result = panel.querySelector(".result");
  result?.replaceChildren(`${top.name} = `, make("data", { value: answer.gradient.value }, top.value));
  for (const name of answer.variables) {
    const group = [...panel.querySelectorAll(".variable")].find((one) => one.getAttribute("data-name") === name);
    for (const input of group?.querySelectorAll("input") ?? []) set(input, values[name]);
    const node = answer.picture.nodes.find((one) => one.name === name);
    const derivative = answer.gradient.gradients[name];
    group?.querySelector(".derivative")?.replaceChildren(`∂${top.name}/∂${name} = `,
      make("data", { value: derivative ?? "" }, node?.gradient ?? "0"));
  }
}

/** @param {string} name */
function row(name) {
  const id = `value-${name}`;
  return make("div", { class: "variable", "data-name": name },
    make("label", { for: id, class: "code" }, name),
    make("input", { type: "range", min: -5, max: 5, step: 0.1, "aria-label": `${name}, slider` }),
    make("input", { type: "number", step: "any", id }),
    make("p", { class: "derivative code" }));
}

/** @param {HTMLInputElement} input @param {number} value */
function set(input, value) {
  if (input.type === "range") {
    const far = Math.abs(value) > Number(input.max) ? Math.ceil(2 * Math.abs(value)) : Number(input.max);
    input.min = String(-far);
    input.max = String(far);
  }
  if (input !== document.activeElement || Number(input.value) !== value) input.value = String(value);
}

/** @param {Event} event @param {() => void} change */
function typed(event, change) {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || input.value === "" || !Number.isFinite(input.valueAsNumber)) return;
  const name = input.closest(".variable")?.getAttribute("data-name");
  if (!name) return;
  values[name] = input.valueAsNumber;
  change();
}

/** @param {ExpressionAnswer} answer */
function table({ picture, gradient }) {
  const heads = ["node", "formula", "value", "pile", "hands down"].map((text) => make("th", { scope: "col" }, text));
  const rows = picture.nodes.map((node, at) => {
    const exact = gradient.nodes[at];
    const down = picture.edges.filter((edge) => edge.from === at && edge.contribution !== null)
      .map((edge) => `${edge.contribution} to ${picture.nodes[edge.to].name}`);
    return make("tr", {},
      make("th", { scope: "row" }, node.name),
      make("td", {}, node.formula ?? "variable"),
      make("td", { class: "value" }, make("data", { value: exact?.value ?? "" }, node.value)),
      make("td", { class: "pile" }, make("data", { value: exact?.gradient ?? "" }, node.gradient ?? "–")),
      make("td", {}, down.join(", ")));
  });
  find("nodes", HTMLTableElement).replaceChildren(make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
}

function replay() {
  if (!shown) return;
  const { picture } = shown.answer;
  const at = Number(step.value);
  const scene = (walking ? walk : sweep)(picture, at);
  show(shown.drawn, scene);
  words.textContent = scene.words;
  step.setAttribute("aria-valuetext", scene.words);
  for (const [name, back] of /** @type {const} */ ([["first", true], ["back", true], ["forth", false], ["last", false]])) {
    find(name, HTMLButtonElement).disabled = at === Number(back ? step.min : step.max);
  }
  ways.sweep.setAttribute("aria-pressed", String(!walking));
  ways.path.setAttribute("aria-pressed", String(walking));
  visits(scene.visits);
}

/** The two ways side by side. @param {number} now */
function visits(now) {
  if (!shown) return;
  const { by_path, by_sweep, paths } = shown.answer.picture.work;
  const most = Math.max(Number(by_path), by_sweep, 1);
  const bar = (/** @type {string} */ name, /** @type {string | number} */ total, /** @type {boolean} */ running) => {
    const length = make("i", { class: "bar" });
    length.style.width = `${(100 * Math.max(Number(total), 0.5)) / most}%`;
    const text = running ? `${now} of ${total}` : String(total);
    return make("div", { class: running ? "visit running" : "visit" }, make("span", {}, name), make("b", {}, text), length);
  };
  find("visits", HTMLElement).replaceChildren(
    bar("back-propagation", by_sweep, !walking), bar("path by path", by_path, walking),
    make("p", { class: "hint" }, paths === "1" ? "1 path" : `${paths} paths from the top to a variable`));
}

/** @param {number} to */
function go(to) {
  step.value = String(to);
  replay();
}

function controls() {
  const now = () => Number(step.value);
  step.addEventListener("input", replay);
  onClick(find("first", HTMLElement), () => go(0));
  onClick(find("back", HTMLElement), () => go(now() - 1));
  onClick(find("forth", HTMLElement), () => go(now() + 1));
  onClick(find("last", HTMLElement), () => go(Number(step.max)));
  for (const [way, element] of Object.entries(ways)) {
    onClick(element, () => {
      walking = way === "path";
      step.max = String(shown ? steps(shown.answer) : 0);
      go(walking ? 0 : Number(step.max));
    });
  }
  document.addEventListener("keydown", (event) => {
    const there = event.target instanceof Element ? event.target : document.body;
    const own = there.closest("input, textarea, select, [role=slider]");
    if (find("expression", HTMLElement).hidden || own || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = { ArrowLeft: now() - 1, ArrowRight: now() + 1, Home: 0, End: Number(step.max) }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
}
