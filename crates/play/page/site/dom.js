// Small words for making elements. What users type becomes text and nothing else.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | null} Child */

/**
 * @param {Element} element
 * @param {Record<string, string | number | boolean | null>} attributes
 */
function dress(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {Child[]} children @returns {(Node | string)[]} */
const there = (children) => children.flatMap((child) => (child === null ? [] : [child]));

/**
 * An element with attributes and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | null>} [attributes]
 * @param {...Child} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  dress(element, attributes);
  element.append(...there(children));
  return element;
}

/**
 * The same for pictures.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | null>} [attributes]
 * @param {...Child} children
 */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  dress(element, attributes);
  element.append(...there(children));
  return element;
}

/**
 * The element with an id, which the page must have.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 */
export function find(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return element;
}

/**
 * Listens to a click, and to nothing else.
 * @param {Element} element
 * @param {(event: Event) => void} then
 */
export const onClick = (element, then) => element.addEventListener("click", then);

/**
 * A button.
 * @param {string} text
 * @param {() => void} then
 * @param {Record<string, string | number | boolean | null>} [attributes]
 */
export function button(text, then, attributes = {}) {
  const element = make("button", { type: "button", ...attributes }, text);
  onClick(element, then);
  return element;
}

const ICONS = { back: "M14 4 6 10l8 6z", forth: "m6 4 8 6-8 6z" };

/**
 * A button that goes one step.
 * @param {keyof typeof ICONS} way
 * @param {string} label
 * @param {() => void} then
 */
export function stepButton(way, label, then) {
  const one = button("", then, { "aria-label": label });
  one.append(draw("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" }, draw("path", { d: ICONS[way] })));
  return one;
}

/**
 * The context of a canvas whose points are the screen's, however dense they are; null while it is not shown.
 * @param {HTMLCanvasElement} canvas
 */
export function crisp(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = canvas.getContext("2d");
  if (!context || width === 0) return null;
  const density = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/**
 * A number for readers: four digits, a true minus sign.
 * @param {number | null | undefined} value
 */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  return text.replaceAll("-", "−");
}

/** @param {number | null | undefined} value */
export const percent = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`);

/**
 * Keeps one request on its way and only the newest waiting.
 * @template T
 * @param {(value: T) => Promise<void>} ask
 */
export function newest(ask) {
  /** @type {{ value: T } | null} */
  let waiting = null;
  let busy = false;
  return async (/** @type {T} */ value) => {
    waiting = { value };
    if (busy) return;
    busy = true;
    try {
      while (waiting) {
        const next = /** @type {{ value: T }} */ (waiting);
        waiting = null;
        await ask(next.value);
      }
    } finally {
      busy = false;
    }
  };
}
