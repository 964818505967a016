"use strict";
// The picture is complete as it stands; this adds the heat maps, what is folded, and the equation of what is pointed at.
// Names are only ever set as text.
const { columns } = JSON.parse(document.getElementById("data").textContent);
const root = document.getElementById("sample");
const panel = document.getElementById("equation");
const SHADES = 8;
const MOST_TERMS = 6;
const known = (value) => value !== null && value !== undefined;
const most = (values) => values.reduce((top, value) => Math.max(top, Math.abs(value ?? 0)), 0);

function make(tag, content, attributes = {}) {
  const element = document.createElement(tag);
  if (content !== undefined) element.append(...[].concat(content));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Four digits, as they are read. */
function words(value) {
  if (!known(value)) return "not finite";
  const size = Math.abs(value);
  const text = size === 0 || (size >= 1e-4 && size < 1e6) ? String(Number(value.toPrecision(4))) : value.toExponential(3);
  return text.replace(/-/g, "−");
}
const factor = (value) => (value < 0 ? "(" + words(value) + ")" : words(value));

// Which numbers of a column there are.

/** The place of a neuron or channel among those that are kept, or -1. */
function place(column, at) {
  return column.kept ? column.kept.indexOf(at) : at;
}

/** The place of number `flat` of a form among the numbers that are kept, or -1. */
function cellPlace(column, form, step, flat) {
  if (form.length === 1) return place(column, flat);
  const [, height, width] = form;
  const channel = place(column, Math.floor(flat / (height * width)));
  const [y, x] = [Math.floor((flat % (height * width)) / width), flat % width];
  if (channel < 0 || y % step || x % step) return -1;
  const [rows, cols] = [Math.ceil(height / step), Math.ceil(width / step)];
  return (channel * rows + y / step) * cols + x / step;
}

const read = (column, numbers, flat) => {
  const at = cellPlace(column, column.form, column.step, flat);
  return at < 0 ? undefined : numbers[at];
};

/** What a column gives to the one above: its form and number `flat`. */
const given = (column) => (column.pooled ? column.pooled.form : column.form);
function gives(column, flat) {
  if (!column.pooled) return read(column, column.a, flat);
  const at = cellPlace(column, column.pooled.form, column.pooled.step, flat);
  return at < 0 ? undefined : column.pooled.values[at];
}

/** A number of a column in words. */
function name(at, flat, form = columns[at].form) {
  const column = columns[at];
  const own = column.names && column.names[place(column, flat)];
  if (own !== undefined) return own;
  if (form.length === 1) return (at === 0 ? "input " : "neuron ") + flat;
  const [channels, height, width] = form;
  const cell = "row " + Math.floor((flat % (height * width)) / width) + ", column " + (flat % width);
  return channels === 1 ? cell : "channel " + Math.floor(flat / (height * width)) + ", " + cell;
}
const letter = (at) => (at === 0 ? "x" : (columns[at].pooled ? "p" : "a") + at);
const title = (at, flat) => (at === 0 ? "" : "Layer " + at + ", ") + name(at, flat);

// The equations.

/** Terms as a table with bars: [name, product in words, value]. */
function table(terms, total) {
  const top = most(terms.map(([, , value]) => value));
  const body = make("tbody", terms.map(([what, product, value]) => {
    const bar = make("i");
    bar.style.width = Math.max(2, Math.abs(value ?? 0) / (top || 1) * 100) + "%";
    if (value < 0) bar.className = "below";
    return make("tr", [make("td", what), make("td", product), make("td", words(value)), make("td", bar, { class: "bar" })]);
  }));
  body.append(make("tr", [make("td", total[0]), make("td", ""), make("td", words(total[1])), make("td", "")], { class: "sum" }));
  return make("table", body);
}
const equation = (text) => make("p", text, { class: "equation" });
const product = (weight, value) => words(weight) + " · " + factor(value);

/** The listed terms of the weighted sum of a neuron, and the rest. */
function denseTerms(at, kept) {
  const { down } = columns[at];
  const below = columns[at - 1];
  const terms = down.at[kept].map((from, place) => {
    const [weight, value] = [down.w[kept][place], gives(below, from)];
    return [name(at - 1, from, given(below)), product(weight, value), weight * value];
  });
  const others = given(below).reduce((all, size) => all * size, 1) - terms.length;
  return others > 0 ? [...terms, [others + " more", "", down.rest[kept]]] : terms;
}

/** The terms of the sum under a kernel; what is not kept of the planes below is among the rest. */
function kernelTerms(at, flat, sum) {
  const { kernel, form } = columns[at];
  const below = columns[at - 1];
  const [, height, width] = form;
  const [, down, across] = given(below);
  const output = Math.floor(flat / (height * width));
  const [y, x] = [Math.floor((flat % (height * width)) / width), flat % width];
  const row = kernel.outputs.indexOf(output);
  const group = Math.floor(output / (columns[at].form[0] / kernel.groups));
  const [tall, wide] = kernel.size;
  const found = [];
  kernel.inputs.forEach((input, place) => {
    for (let cell = 0; cell < tall * wide; cell++) {
      const from = [Math.floor(cell / wide), cell % wide].map(
        (offset, axis) => [y, x][axis] * kernel.stride[axis] + offset * kernel.dilation[axis] - kernel.padding[axis]);
      if (from[0] < 0 || from[1] < 0 || from[0] >= down || from[1] >= across) continue;
      const position = ((group * kernel.sees + input) * down + from[0]) * across + from[1];
      const value = gives(below, position);
      const weight = kernel.w[(row * kernel.inputs.length + place) * tall * wide + cell];
      if (known(value)) found.push([name(at - 1, position, given(below)), product(weight, value), weight * value]);
    }
  });
  found.sort((one, other) => Math.abs(other[2]) - Math.abs(one[2]));
  const listed = found.slice(0, MOST_TERMS);
  const rest = listed.reduce((left, [, , value]) => left - value, sum);
  const count = kernel.sees * tall * wide - listed.length;
  return count > 0 ? [...listed, [count + " more", "", rest]] : listed;
}

/** What a residual link adds to number `flat` of a column. */
const linked = (at, flat) => gives(columns[at - columns[at].residual], flat);

function forward(at, flat) {
  const column = columns[at];
  const isKernel = column.kernel !== undefined;
  const bias = column.bias[place(column, isKernel ? Math.floor(flat / (column.form[1] * column.form[2])) : flat)];
  const z = read(column, column.z, flat);
  const times = (isKernel ? "∗" : "·");
  const link = column.residual ? linked(at, flat) : 0;
  const sum = column.norm ? read(column, column.norm.sums, flat) : z - bias - (link ?? 0);
  const terms = isKernel ? kernelTerms(at, flat, sum) : denseTerms(at, place(column, flat));
  const parts = [["b", "", bias]];
  const more = column.residual ? [["residual link, from " + letter(at - column.residual), "", link]] : [];
  const out = [];
  if (column.norm) {
    const { norm } = column;
    const gain = norm.gain[place(column, isKernel ? Math.floor(flat / (column.form[1] * column.form[2])) : flat)];
    const normal = read(column, norm.normal, flat);
    out.push(equation("s = Σ w " + times + " " + letter(at - 1)), table(terms, ["s", sum]));
    out.push(equation("n = " + norm.name + "(s) = " + words(normal)), equation("z = g · n + b" + (more.length ? " + link" : "")));
    out.push(table([["g · n", product(gain, normal), gain * normal], ...parts, ...more], ["z", z]));
  } else {
    out.push(equation("z = Σ w " + times + " " + letter(at - 1) + " + b" + (more.length ? " + link" : "")));
    out.push(table([...terms, ...parts, ...more], ["z", z]));
  }
  const a = read(column, column.a, flat);
  out.push(equation("a = " + column.activation + "(z) = " + column.activation + "(" + words(z) + ") = " + words(a)));
  return out;
}

/** Where ∂C/∂a of a number comes from. */
function fromAbove(at, flat, total) {
  const column = columns[at];
  const symbol = at === 0 ? "∂C/∂x" : "∂C/∂a";
  const above = columns[at + 1];
  if (!above) return [equation(symbol + " = " + words(total) + ", from the loss")];
  if (!column.up) return [equation(symbol + " = " + words(total) + (column.pooled ? ", from the pool" : ", from the layers above"))];
  const kept = place(column, flat);
  const gradients = above.norm ? above.norm.sums_gradient : above.delta;
  const terms = column.up.at[kept].map((to, place) => {
    const [weight, value] = [column.up.w[kept][place], read(above, gradients, to)];
    return [name(at + 1, to), product(weight, value), weight * value];
  });
  const others = above.form[0] - terms.length;
  if (others > 0) terms.push([others + " more", "", column.up.rest[kept]]);
  if (column.is_linked) terms.push(["residual links", "", terms.reduce((left, [, , value]) => left - value, total)]);
  const below = (above.norm ? "∂C/∂s" : "δ") + (at + 1);
  return [equation(symbol + " = Σ w · " + below), table(terms, [symbol, total])];
}

/** Everything there is to say of number `flat` of a column. */
function explained(at, flat) {
  const column = columns[at];
  const out = [make("h3", title(at, flat))];
  const delta = read(column, column.delta, flat);
  if (at === 0) return [...out, equation("x = " + words(read(column, column.a, flat))), ...fromAbove(at, flat, delta)];
  const [handed, slope] = [read(column, column.handed, flat), read(column, column.slope, flat)];
  const f = column.activation + "′(z)";
  out.push(...forward(at, flat), ...fromAbove(at, flat, handed));
  out.push(equation("δ = ∂C/∂a · " + f + " = " + words(handed) + " · " + factor(slope) + " = " + words(delta)));
  if (!column.kernel) out.push(equation("∂C/∂b = δ = " + words(delta)));
  return out;
}

function explainedChannel(at, channel) {
  const column = columns[at];
  const kept = place(column, channel);
  const out = [make("h3", (at === 0 ? "Inputs" : "Layer " + at) + ", channel " + channel)];
  if (at > 0) out.push(equation("b = " + words(column.bias[kept])), equation("∂C/∂b = Σ δ = " + words(column.bias_gradient[kept])));
  return [...out, make("p", "Point at a cell of it, here or in the larger map below, for its equation.", { class: "hint" })];
}

function explainedWeight(at, cell) {
  const { heat, norm, delta } = columns[at];
  const [from, to] = [heat.rows[Math.floor(cell / heat.cols.length)], heat.cols[cell % heat.cols.length]];
  const below = columns[at - 1];
  const [value, gradient] = [gives(below, from), read(columns[at], norm ? norm.sums_gradient : delta, to)];
  const factors = known(value) && known(gradient) ? " = " + words(value) + " · " + factor(gradient) : "";
  return [
    make("h3", "Weight from " + name(at - 1, from, given(below)) + " to " + name(at, to)),
    equation("w = " + words(heat.w[cell])),
    equation("∂C/∂w = " + letter(at - 1) + " · " + (norm ? "∂C/∂s" : "δ") + at + factors + " = " + words(heat.gradient[cell])),
  ];
}

function explainedKernel(at, cell) {
  const { kernel, form, norm } = columns[at];
  const cells = kernel.size[0] * kernel.size[1];
  const pair = Math.floor(cell / cells);
  const input = kernel.inputs[pair % kernel.inputs.length];
  const [y, x] = [Math.floor((cell % cells) / kernel.size[1]), cell % kernel.size[1]];
  return [
    make("h3", "Kernel from channel " + input + " to channel " + kernel.outputs[Math.floor(pair / kernel.inputs.length)]),
    equation("row " + y + ", column " + x),
    equation("w = " + words(kernel.w[cell])),
    equation("∂C/∂w = Σ " + letter(at - 1) + " · " + (norm ? "∂C/∂s" : "δ") + at + " over " + form[1] * form[2] + " places = " + words(kernel.gradient[cell])),
  ];
}

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
  const light = (group, picks) => group && [...group.children].forEach((path, place) => path.classList.toggle("on", picks(place)));
  const here = columns[at].drawn.length;
  light(document.getElementById("e" + at), (place) => columns[at].edges === undefined || place % here === position);
  const next = columns[at + 1];
  light(document.getElementById("e" + (at + 1)), (place) =>
    next.edges === undefined || Math.floor(place / next.drawn.length) === position);
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

// Cells of numbers on a canvas: heat maps, larger maps, and what is folded.

const grids = [];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

class Grid {
  /** `values` in rows of `cols`; cell `at` is explained by `what(at)`; every `gap`th row and column stands apart. */
  constructor({ values, cols, label, what, room = 340, gap = [0, 0], ink = false }) {
    Object.assign(this, { values, cols, what, gap, ink });
    this.rows = Math.ceil(values.length / cols);
    this.size = Math.max(3, Math.min(24, Math.floor(room / Math.max(cols, this.rows))));
    this.top = most(values);
    this.at = 0;
    this.canvas = make("canvas", undefined, { tabindex: "0", role: "application", "aria-roledescription": "map of numbers", "aria-label": label });
    this.canvas.addEventListener("pointermove", (event) => this.point(event, false));
    this.canvas.addEventListener("pointerdown", (event) => this.point(event, true));
    this.canvas.addEventListener("pointerleave", () => { this.draw(); back(); });
    this.canvas.addEventListener("focus", () => this.go(this.at, true));
    this.canvas.addEventListener("blur", () => this.draw());
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    grids.push(this);
    this.draw();
  }

  /** How far the gaps before row or column `at` push it. */
  pushed(at, axis) {
    return this.gap[axis] ? Math.floor(at / this.gap[axis]) * 3 : 0;
  }

  draw(marked) {
    const { canvas, size, cols, rows } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [cols * size + this.pushed(cols - 1, 1), rows * size + this.pushed(rows - 1, 0)];
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    canvas.style.width = width + "px";
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const [plus, minus, bad, ink] = ["--plus", "--minus", "--bad", "--ink"].map(colour);
    const low = this.ink ? Math.min(...this.values) : 0;
    const span = this.ink ? Math.max(...this.values) - low : this.top;
    this.values.forEach((value, at) => {
      const [x, y] = this.corner(at);
      context.globalAlpha = known(value) ? Math.abs(value - low) / (span || 1) : 1;
      context.fillStyle = !known(value) ? bad : this.ink ? ink : value > 0 ? plus : minus;
      context.fillRect(x, y, size, size);
    });
    context.globalAlpha = 1;
    const focused = document.activeElement === canvas ? this.at : undefined;
    const ring = marked ?? focused;
    if (ring === undefined) return;
    const [x, y] = this.corner(ring);
    context.strokeStyle = colour("--now");
    context.lineWidth = 2;
    context.strokeRect(x - 1, y - 1, size + 2, size + 2);
  }

  corner(at) {
    const [row, col] = [Math.floor(at / this.cols), at % this.cols];
    return [col * this.size + this.pushed(col, 1), row * this.size + this.pushed(row, 0)];
  }

  point(event, pin) {
    const box = this.canvas.getBoundingClientRect();
    const scale = parseFloat(this.canvas.style.width) / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const along = (offset, axis, count) => {
      let at = Math.min(count - 1, Math.max(0, Math.floor(offset / this.size)));
      while (at > 0 && at * this.size + this.pushed(at, axis) > offset) at -= 1;
      return at;
    };
    const at = along(y, 0, this.rows) * this.cols + along(x, 1, this.cols);
    if (at < this.values.length) this.go(at, pin);
  }

  go(at, pin) {
    if (pin) this.at = at;
    pick();
    this.draw(at);
    show(() => this.what(at), pin);
  }

  key(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.cols, ArrowDown: this.cols, Home: -this.at, End: this.values.length - 1 - this.at };
    if (!(event.key in moves) || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = this.at + moves[event.key];
    if (to >= 0 && to < this.values.length) this.go(to, true);
    event.preventDefault();
  }
}

function figure(caption, options) {
  return make("figure", [make("figcaption", caption), new Grid({ label: caption, ...options }).canvas]);
}

/** The weights' gradients of a layer. */
function heat(at) {
  const { heat, kernel, form } = columns[at];
  if (heat) {
    const below = given(columns[at - 1]).reduce((all, size) => all * size, 1);
    const part = heat.rows.length < below || heat.cols.length < form[0]
      ? ": the " + heat.rows.length + " of " + below + " rows and " + heat.cols.length + " of " + form[0] + " columns with the largest" : "";
    const wide = Math.max(heat.cols.length, heat.rows.length);
    return figure("∂C/∂W" + at + ", inputs by neurons" + part, {
      values: heat.gradient, cols: heat.cols.length, what: (cell) => explainedWeight(at, cell), room: wide > 20 ? 400 : 300,
    });
  }
  const [tall, wide] = kernel.size;
  const cols = kernel.inputs.length * wide;
  // From kernel by kernel to row by row.
  const order = kernel.gradient.map((_, cell) => {
    const [row, col] = [Math.floor(cell / cols), cell % cols];
    const pair = Math.floor(row / tall) * kernel.inputs.length + Math.floor(col / wide);
    return (pair * tall + row % tall) * wide + col % wide;
  });
  const part = kernel.inputs.length < kernel.sees || kernel.outputs.length < form[0] ? " (those with the largest)" : "";
  return figure("∂C/∂W" + at + part + ": a kernel for each pair, outputs down, inputs across", {
    values: order.map((cell) => kernel.gradient[cell]), cols, gap: [tall, wide], room: 420,
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
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => grids.forEach((grid) => grid.draw()));
