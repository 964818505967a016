"use strict";
// The equation of each number of a sample, as elements. Names are only ever set as text.
const { columns } = JSON.parse(document.getElementById("data").textContent);
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
  if (own !== undefined) return at === 0 ? own : "output " + own;
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
    bar.style.width = (value ? Math.max(2, Math.abs(value) / top * 100) : 0) + "%";
    if (value < 0) bar.className = "below";
    const term = make("div", [make("span", what), make("span", product, { class: "product" })], { class: "term" });
    return make("tr", [make("td", term), make("td", words(value)), make("td", bar, { class: "bar" })]);
  }));
  body.append(make("tr", [make("td", total[0]), make("td", words(total[1])), make("td", "")], { class: "sum" }));
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
  const f = column.activation;
  out.push(equation(f === "identity" ? "a = z = " + words(a) : "a = " + f + "(z) = " + f + "(" + words(z) + ") = " + words(a)));
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
  const times = column.activation === "identity" ? "" : " · " + column.activation + "′(z) = " + words(handed) + " · " + factor(slope);
  out.push(...forward(at, flat), ...fromAbove(at, flat, handed));
  out.push(equation("δ = ∂C/∂a" + times + " = " + words(delta)));
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
