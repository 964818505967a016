"use strict";
// The picture is complete as it stands; this hides what has not happened yet and replays it.
const picture = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const part = (group, name) => find(group).querySelector("." + name);
const slider = find("step");
const words = find("words");
const sweep = find("by-sweep");
const paths = find("by-path");
const views = [find("view-sweep"), find("view-paths")];
let walking = false;

// A path is walked edge by edge; a step is [path, edges of it that are walked].
const walks = picture.walks.flatMap((walk, at) => walk.edges.map((_, done) => [at, done + 1]));
const count = () => (walking ? walks.length : picture.steps.length);
const show = (element, there) => element && element.classList.toggle("hidden", !there);

function clear(there) {
  picture.nodes.forEach((_, at) => {
    find("n" + at).classList.remove("now");
    show(part("n" + at, "value"), there);
    const pile = part("n" + at, "pile");
    if (pile) pile.textContent = "∂ " + picture.nodes[at].gradient;
    show(pile, there);
  });
  picture.edges.forEach((_, at) => {
    find("e" + at).classList.remove("now", "again");
    show(part("e" + at, "partial"), there);
  });
}

function replay(until) {
  clear(false);
  picture.nodes.forEach((node, at) => show(part("n" + at, "value"), node.formula === null));
  let visits = 0;
  picture.steps.slice(0, until).forEach((step, at) => {
    const now = at === until - 1;
    if (step.kind === "edge") {
      const edge = picture.edges[step.edge];
      visits += 1;
      show(part("e" + step.edge, "partial"), true);
      const pile = part("n" + edge.to, "pile");
      if (pile) pile.textContent = "∂ " + step.pile;
      show(pile, true);
      find("e" + step.edge).classList.toggle("now", now);
      find("n" + edge.to).classList.toggle("now", now);
    } else {
      show(part("n" + step.node, step.kind === "value" ? "value" : "pile"), true);
      if (step.kind === "start") part("n" + step.node, "pile").textContent = "∂ 1";
      find("n" + step.node).classList.toggle("now", now);
    }
  });
  sweep.textContent = visits + " of " + picture.work.by_sweep;
  paths.textContent = picture.work.by_path;
  words.textContent = until ? picture.steps[until - 1].words : "Variables have their values. Go on with the arrow keys.";
}

function walk(until) {
  clear(true);
  const seen = new Set();
  walks.slice(0, until).forEach(([path, done]) => {
    const edge = picture.walks[path].edges[done - 1];
    const group = find("e" + edge).classList;
    group.toggle("again", seen.has(edge));
    seen.add(edge);
  });
  if (until) {
    const [path, done] = walks[until - 1];
    picture.walks[path].edges.slice(0, done).forEach((edge) => find("e" + edge).classList.add("now"));
  }
  paths.textContent = until + " of " + picture.work.by_path;
  sweep.textContent = picture.work.by_sweep;
  const place = until ? walks[until - 1][0] : 0;
  words.textContent = until ? "Path " + (place + 1) + " of " + picture.work.paths + ": " + picture.walks[place].words
    : "Each path from the top to a variable is walked on its own. Dashed edges are visited again.";
}

function update() {
  const at = Number(slider.value);
  (walking ? walk : replay)(at);
  slider.setAttribute("aria-valuetext", words.textContent);
}

function go(to) {
  slider.value = String(Math.max(0, Math.min(count(), to)));
  update();
}

function view(paths) {
  walking = paths;
  views.forEach((button, at) => button.setAttribute("aria-pressed", String(paths === (at === 1))));
  slider.max = String(count());
  go(0);
}

slider.addEventListener("input", update);
find("back").addEventListener("click", () => go(Number(slider.value) - 1));
find("forth").addEventListener("click", () => go(Number(slider.value) + 1));
views.forEach((button, at) => button.addEventListener("click", () => view(at === 1)));
document.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
  if (event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key in moves) go(Number(slider.value) + moves[event.key]);
  else if (event.key === "Home") go(0);
  else if (event.key === "End") go(count());
  else return;
  event.preventDefault();
});
views[1].hidden = walks.length === 0;
view(false);
