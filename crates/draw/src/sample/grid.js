// Cells of numbers on a canvas: heat maps, larger maps, and what is folded.

const grids = [];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

class Grid {
  /** `values` in rows of `cols`; cell `at` is explained by `what(at)`; every `gap`th row and column stands apart. */
  constructor({ values, cols, label, what, room = 340, gap = [0, 0], ink = false }) {
    Object.assign(this, { values, cols, what, gap, ink });
    this.rows = Math.ceil(values.length / cols);
    this.size = Math.max(3, Math.min(22, Math.floor(room / Math.max(cols, this.rows))));
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
