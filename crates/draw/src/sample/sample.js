// The picture is complete as it stands; this adds what is shown of it, the heat maps, and what is folded.
const root = document.getElementById("sample");
const panel = document.getElementById("equation");
const SHADES = 8;

// What is shown, and what stays when the pointer leaves.
let pinned = null;
function show(what, pin) {
  panel.replaceChildren(...what());
  if (pin) pinned = what;
}
const back = () => pinned && show(pinned);

// The picture.

const marks = columns.map((column, at) => column.drawn.map((index) => document.getElementById("n" + at + "-" + index)));

function pick(at, index) {
  root.querySelectorAll(".now,.on").forEach((element) => element.classList.remove("now", "on"));
  root.classList.toggle("pick", at !== undefined);
  if (at === undefined) return;
  document.getElementById("n" + at + "-" + index).classList.add("now");
  const position = columns[at].drawn.indexOf(index);
  const light = (group, picks) => [...group.children].forEach((path, place) => path.classList.toggle("on", picks(place)));
  const here = columns[at].drawn.length;
  const next = columns[at + 1];
  if (columns[at].edges) light(document.getElementById("e" + at), (place) => place % here === position);
  if (next && next.edges) light(document.getElementById("e" + (at + 1)), (place) => Math.floor(place / next.drawn.length) === position);
}

/** The cell of a channel's map under the pointer, or nothing. */
function cellUnder(event, at, channel) {
  const column = columns[at];
  const map = event.target.closest("g[id^=m]");
  if (!map) return undefined;
  const box = map.querySelector(".rim").getBoundingClientRect();
  const [, height, width] = column.form;
  const nearest = (offset, length, count) => Math.min(count - 1, Math.max(0, Math.floor(offset / length * Math.ceil(count / column.step)) * column.step));
  const y = nearest(event.clientY - box.top, box.height, height);
  return (channel * height + y) * width + nearest(event.clientX - box.left, box.width, width);
}

function neuron(mark, at, index) {
  const isPlane = columns[at].form.length > 1;
  const what = (event) => {
    const cell = isPlane ? event && cellUnder(event, at, index) : index;
    return cell === undefined ? () => explainedChannel(at, index) : () => explained(at, cell);
  };
  mark.setAttribute("tabindex", "-1");
  mark.setAttribute("role", "button");
  mark.addEventListener("focus", () => {
    marks.flat().forEach((other) => other.setAttribute("tabindex", other === mark ? "0" : "-1"));
    pick(at, index);
    show(what(), true);
  });
  mark.addEventListener("pointermove", (event) => {
    pick(at, index);
    show(what(event));
  });
  mark.addEventListener("pointerleave", () => {
    const focused = marks.flat().includes(document.activeElement) && document.activeElement;
    focused ? pick(...focused.id.slice(1).split("-").map(Number)) : pick();
    back();
  });
  mark.addEventListener("click", (event) => {
    mark.focus({ preventScroll: true });
    show(what(event), true);
  });
}
marks.forEach((column, at) => column.forEach((mark, place) => neuron(mark, at, columns[at].drawn[place])));
root.setAttribute("role", "group");
marks[0][0].setAttribute("tabindex", "0");
root.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const move = moves[event.key];
  const at = marks.findIndex((column) => column.includes(document.activeElement));
  if (!move || at < 0) return;
  const to = marks[Math.min(marks.length - 1, Math.max(0, at + move[0]))];
  const share = marks[at].indexOf(document.activeElement) / Math.max(1, marks[at].length - 1);
  const from = move[0] ? Math.round(share * (to.length - 1)) : to.indexOf(document.activeElement) + move[1];
  to[Math.min(to.length - 1, Math.max(0, from))].focus();
  event.preventDefault();
});

// What edges show.
const buttons = [...document.querySelectorAll("[data-edges]")];
function edges(kind) {
  buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.edges === kind)));
  columns.forEach((column, at) => {
    if (!column.edges) return;
    const { rows, cols, w, gradient } = column.edges;
    const from = (place) => read(columns[at - 1], columns[at - 1].a, rows[Math.floor(place / cols.length)]);
    const numbers = kind === "gradient" ? gradient : kind === "w" ? w : w.map((weight, place) => weight * from(place));
    const top = most(numbers);
    [...document.getElementById("e" + at).children].forEach((path, place) => path.setAttribute("class", shade(numbers[place], top)));
  });
}
function shade(value, top) {
  if (!known(value)) return "bad";
  const size = Math.min(SHADES, Math.ceil(Math.abs(value) / top * SHADES));
  return size >= 1 ? (value > 0 ? "p" : "m") + size : "o";
}
buttons.forEach((button) => button.addEventListener("click", () => edges(button.dataset.edges)));

// What stands under the picture.

function figure(caption, options) {
  return make("figure", [make("figcaption", caption), new Grid({ label: caption, ...options }).canvas]);
}

/** The weights' gradients of a layer. */
function heat(at) {
  const { heat, kernel, form } = columns[at];
  if (heat) {
    const below = given(columns[at - 1]).reduce((all, size) => all * size, 1);
    const part = (shown, all) => (shown < all ? " (the " + shown + " of " + all + " with the largest)" : "");
    const wide = Math.max(heat.cols.length, heat.rows.length);
    return figure("∂C/∂W" + at + ": inputs down" + part(heat.rows.length, below) + ", neurons across" + part(heat.cols.length, form[0]), {
      values: heat.gradient, cols: heat.cols.length, what: (cell) => explainedWeight(at, cell), room: wide > 20 ? 400 : 300,
    });
  }
  const [tall, wide] = kernel.size;
  const cols = kernel.outputs.length * wide;
  // From kernel by kernel to row by row, with a column of kernels for each output.
  const order = kernel.gradient.map((_, cell) => {
    const [row, col] = [Math.floor(cell / cols), cell % cols];
    const pair = Math.floor(col / wide) * kernel.inputs.length + Math.floor(row / tall);
    return (pair * tall + row % tall) * wide + col % wide;
  });
  const part = kernel.inputs.length < kernel.sees || kernel.outputs.length < form[0] ? " (those with the largest)" : "";
  return figure("∂C/∂W" + at + part + ": a kernel for each pair of channels, inputs down, outputs across", {
    values: order.map((cell) => kernel.gradient[cell]), cols, gap: [tall, wide], room: 640,
    what: (cell) => explainedKernel(at, order[cell]),
  });
}

/** All neurons of a layer that are kept, in order, as cells. */
function fold(at) {
  const column = columns[at];
  const index = column.kept ?? column.a.map((_, place) => place);
  const cols = Math.ceil(Math.sqrt(index.length * 1.5));
  const options = { cols, what: (cell) => explained(at, index[cell]) };
  const all = column.kept ? "the " + index.length + " of " + column.form[0] + " that matter most" : "all " + index.length;
  const content = make("div", [], { class: "pair" });
  const details = make("details", [make("summary", "Open the fold: " + all + ", in order"), content]);
  details.addEventListener("toggle", () => {
    if (content.childElementCount) return;
    const [first, second] = at === 0 ? ["x", "∂C/∂x"] : ["a", "δ"];
    content.append(figure(first, { ...options, values: column.a }), figure(second, { ...options, values: column.delta }));
  });
  return details;
}

/** The channels of a column one by one, larger. */
function channels(at, room) {
  const column = columns[at];
  const [, height, width] = column.form;
  const [rows, cols] = [height, width].map((side) => Math.ceil(side / column.step));
  const cells = rows * cols;
  const kept = column.kept ?? [...Array(column.form[0]).keys()];
  const box = make("div", [], { class: "pair" });
  const label = make("span", "");
  let shown = 0;
  const part = (numbers) => numbers.slice(shown * cells, (shown + 1) * cells);
  const show = (to) => {
    shown = (to + kept.length) % kept.length;
    label.textContent = "channel " + kept[shown] + (kept.length > 1 ? " (" + (shown + 1) + " of " + kept.length + ")" : "");
    const flat = (cell) => (kept[shown] * height + Math.floor(cell / cols) * column.step) * width + cell % cols * column.step;
    const options = { cols, room, what: (cell) => explained(at, flat(cell)) };
    grids.splice(0, grids.length, ...grids.filter(({ canvas }) => !box.contains(canvas)));
    const [first, second] = at === 0 ? ["x, the input", "∂C/∂x, its gradient"] : ["a", "δ"];
    box.replaceChildren(
      figure(first, { ...options, values: part(column.a), ink: at === 0 }),
      figure(second, { ...options, values: part(column.delta) }));
  };
  const step = (text, what, by) => {
    const button = make("button", text, { type: "button", "aria-label": what });
    button.addEventListener("click", () => show(shown + by));
    return button;
  };
  const controls = make("div", [step("◀", "channel before", -1), label, step("▶", "next channel", 1)], { class: "controls" });
  show(0);
  return kept.length > 1 ? [controls, box] : [box];
}

const hero = document.getElementById("hero");
if (hero) hero.append(...channels(0, 300));
document.querySelectorAll("section.column").forEach((section) => {
  const at = Number(section.dataset.column);
  const column = columns[at];
  const maps = section.querySelector(".maps");
  if (at > 0) maps.append(heat(at));
  if (column.form.length > 1 && at > 0) {
    const details = make("details", make("summary", "The channels, larger"));
    details.addEventListener("toggle", () => details.childElementCount > 1 || details.append(...channels(at, 300)));
    maps.after(details);
  } else if (column.form.length === 1 && column.drawn.length < column.form[0]) {
    maps.after(fold(at));
  }
});
// What to begin with: the output with the largest δ.
const last = columns.length - 1;
const loudest = (columns[last].kept ?? columns[last].drawn)[columns[last].delta.map((v) => Math.abs(v ?? Infinity)).reduce((best, v, at, all) => (v > all[best] ? at : best), 0)];
if (columns[last].form.length === 1) show(() => explained(last, loudest), true);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => (details.open = true)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => grids.forEach((grid) => grid.draw()));
