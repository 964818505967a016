// Which parts of the graph can be seen after so many steps: forward and back, or path by path.

/** @import {Picture} from "../types.js" */

/**
 * What is seen of the graph.
 * @typedef {object} Scene
 * @property {Set<number>} values nodes that have their value
 * @property {Map<number, string>} piles what lies on each node
 * @property {Set<number>} partials edges whose partial is known
 * @property {Set<number>} nowNodes
 * @property {Set<number>} nowEdges
 * @property {Set<number>} again edges that were visited before
 * @property {number} visits edges visited so far
 * @property {string} words the step in words
 */

/** @param {string} words @returns {Scene} */
function empty(words) {
  return {
    values: new Set(), piles: new Map(), partials: new Set(),
    nowNodes: new Set(), nowEdges: new Set(), again: new Set(), visits: 0, words,
  };
}

/**
 * The sweep after `until` of its steps.
 * @param {Picture} picture
 * @param {number} until
 */
export function sweep(picture, until) {
  const scene = empty("The variables have their values. Go on with the arrow keys.");
  picture.nodes.forEach((node, at) => node.formula === null && scene.values.add(at));
  for (const step of picture.steps.slice(0, until)) {
    if (step.kind === "value") scene.values.add(step.node);
    else if (step.kind === "start") scene.piles.set(step.node, "1");
    else {
      scene.partials.add(step.edge);
      scene.piles.set(picture.edges[step.edge].to, step.pile);
      scene.visits += 1;
    }
    scene.words = step.words;
  }
  if (until === picture.steps.length) sums(picture, scene);
  const last = picture.steps[until - 1];
  if (last?.kind === "edge") {
    scene.nowEdges.add(last.edge);
    scene.nowNodes.add(picture.edges[last.edge].to);
  } else if (last) scene.nowNodes.add(last.node);
  return scene;
}

/** At the end each node shows what its pile was summed from. @param {Picture} picture @param {Scene} scene */
function sums(picture, scene) {
  picture.nodes.forEach(({ gradient }, at) => gradient !== null && scene.piles.set(at, gradient));
}

/** How many steps the walks along all listed paths have. @param {Picture} picture */
export const strides = (picture) => picture.walks.reduce((sum, walk) => sum + walk.edges.length, 0);

/**
 * The walks along the paths after `until` edges.
 * @param {Picture} picture
 * @param {number} until
 */
export function walk(picture, until) {
  const scene = empty("Each path from the top to a variable is walked on its own. Dashed edges are visited again.");
  picture.nodes.forEach((_, at) => scene.values.add(at));
  sums(picture, scene);
  picture.edges.forEach((_, at) => scene.partials.add(at));
  const seen = new Set();
  for (const [at, path] of picture.walks.entries()) {
    const done = path.edges.slice(0, Math.max(0, until - scene.visits));
    if (done.length === 0) break;
    for (const edge of done) (seen.has(edge) ? scene.again : seen).add(edge);
    scene.visits += done.length;
    scene.nowEdges = new Set(done);
    scene.words = `Path ${at + 1} of ${picture.work.paths}: ${path.words}`;
  }
  return scene;
}
