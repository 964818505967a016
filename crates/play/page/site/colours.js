// The colours of numbers: orange below zero, blue above, the paper at zero. The style sheet says which, for light and
// dark; canvases cannot read it by themselves.

/** @typedef {"ink" | "quiet" | "line" | "paper" | "box" | "below" | "zero" | "above" | "below-soft" | "above-soft" | "accent"} Name */

const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** @type {Map<Name, string>} */
const known = new Map();
/** @type {Uint32Array | null} */
let table = null;

/** @param {() => void} then */
export function onTheme(then) {
  dark.addEventListener("change", () => {
    known.clear();
    table = null;
    then();
  });
}

/** A colour of the style sheet. @param {Name} name */
export function colour(name) {
  const found = known.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  known.set(name, found);
  return found;
}

/** @param {Name} name */
function parts(name) {
  const value = Number.parseInt(colour(name).slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** The colour of each byte of a map, as a pixel of an image. */
function bytes() {
  const [below, zero, above] = [parts("below-soft"), parts("zero"), parts("above-soft")];
  const pixels = new Uint8ClampedArray(4 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    const at = Math.max(-1, (byte - 128) / 127);
    const far = at < 0 ? below : above;
    for (let part = 0; part < 3; part += 1) {
      pixels[4 * byte + part] = zero[part] + Math.abs(at) * (far[part] - zero[part]);
    }
    pixels[4 * byte + 3] = 255;
  }
  return new Uint32Array(pixels.buffer);
}

/**
 * Paints a map of bytes, as base64, into a canvas of its size.
 * @param {HTMLCanvasElement} canvas
 * @param {string} map
 * @param {number} side
 */
export function paintMap(canvas, map, side) {
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  if (!context) return;
  table ??= bytes();
  const image = context.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  const text = atob(map);
  for (let at = 0; at < pixels.length; at += 1) pixels[at] = table[text.charCodeAt(at)];
  context.putImageData(image, 0, 0);
}
