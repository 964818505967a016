// Drawings to choose from, for those who cannot or do not want to draw: strokes of points from 0 to 1.

/** @typedef {[number, number]} Place */

/** @param {number} x @param {number} y @param {number} wide @param {number} high @param {number} from @param {number} to @returns {Place[]} */
function arc(x, y, wide, high, from, to) {
  return Array.from({ length: 25 }, (_, at) => {
    const turn = ((from + ((to - from) * at) / 24) * Math.PI) / 180;
    return /** @type {Place} */ ([x + wide * Math.cos(turn), y + high * Math.sin(turn)]);
  });
}

/** Angles go clockwise from the right, as y goes down. @type {Place[][][]} */
export const DRAWINGS = [
  [arc(0.5, 0.5, 0.19, 0.29, -60, 300)],
  [[[0.55, 0.2], [0.47, 0.8]]],
  [[...arc(0.5, 0.36, 0.18, 0.16, -170, 30), [0.32, 0.78], [0.72, 0.76]]],
  [[...arc(0.48, 0.35, 0.17, 0.14, -150, 90), ...arc(0.48, 0.65, 0.2, 0.16, -90, 150)]],
  [[[0.36, 0.22], [0.32, 0.54], [0.68, 0.52]], [[0.66, 0.24], [0.62, 0.82]]],
  [[[0.68, 0.22], [0.4, 0.22], [0.37, 0.46], ...arc(0.48, 0.62, 0.2, 0.18, -110, 140)]],
  [[[0.6, 0.2], [0.44, 0.36], ...arc(0.5, 0.65, 0.17, 0.16, 190, -160)]],
  [[[0.3, 0.25], [0.7, 0.24], [0.6, 0.45], [0.47, 0.8]]],
  [[...arc(0.5, 0.35, 0.15, 0.14, 60, -240), ...arc(0.5, 0.65, 0.18, 0.16, -60, 300)]],
  [[...arc(0.52, 0.36, 0.16, 0.15, 0, -340), [0.67, 0.42], [0.6, 0.82]]],
];
