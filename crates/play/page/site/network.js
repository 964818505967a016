// A network that learns to tell two classes of points apart.

import { EngineError } from "./transport.js";
import { find, make, newest, number, onClick, percent } from "./dom.js";
import { onTheme } from "./colours.js";
import { inspector } from "./chosen.js";
import { curve } from "./curve.js";
import { diagram } from "./diagram.js";
import { ownPoints } from "./own.js";
import { plane } from "./plane.js";
import { badgeAfter, sampleWalk } from "./sample.js";
import { thumb } from "./thumbs.js";
import { fields, fromAddress, refresh, toAddress } from "./settings.js";
import { SPEEDS, trainer } from "./trainer.js";
import { write } from "./link.js";

/** @import {Begun, Choice, Frame, Hello, Neuron, Point, Sample, Settings, Transport} from "../types.js" */

const id = (/** @type {string} */ name) => find(name, HTMLElement);

/** How often a neuron's equation is asked for anew while training, in milliseconds. */
const EQUATION_EVERY = 250;

/** @param {Transport} engine @param {Hello} hello */
export function network(engine, hello) {
  const first = hello.settings;
  const settings = structuredClone(first);
  if (hello.own) Object.assign(settings, { set: "own", points: hello.own.points });
  /** @type {Begun | null} */
  let begun = null;
  /** @type {Frame | null} */
  let frame = null;
  /** @type {Choice | null} */
  let choice = null;
  /** @type {Neuron | null} */
  let told = null;
  /** The sample that is followed, and the neuron where it is. @type {{ point: Point, at: Choice | null } | null} */
  let followed = null;
  let asked = 0;
  let opened = false;

  const losses = curve(find("curve", HTMLCanvasElement));
  const field = plane(find("plane", HTMLCanvasElement));
  const drawing = diagram(id("diagram"), hello, {
    choose,
    features: (features) => change({ features }),
    hidden: (hidden) => change({ hidden }),
  });
  const details = inspector(id("chosen"), choose);
  const walk = sampleWalk(id("sample"), { follow, moved });
  const training = trainer(engine, { begun: begin, frame: take, playing, rate, failed });
  const own = ownPoints(id("own"), hello, settings, () => again());
  const ask = newest(askNeuron);

  fields(hello, settings, id("settings"), id("data-settings"), (name) => {
    if (name !== "learning_rate") return again();
    training.learningRate(settings.learning_rate);
    write("network", toAddress(settings, first));
  });
  sets(hello, (set) => change({ set }));
  buttons();
  onTheme(() => paint());

  /** @param {Partial<Settings>} some */
  function change(some) {
    Object.assign(settings, some);
    again();
  }

  /** Begins anew with the settings as they are. */
  function again() {
    settings.side = settings.hidden.reduce((sum, size) => sum + size, 0) > 40 ? 30 : first.side;
    refresh(settings);
    showSet();
    write("network", toAddress(settings, first));
    if (settings.set === "own" && settings.points.length === 0) {
      const corners = /** @type {Point[]} */ ([[-2, -2, 0], [2, 2, 1]]);
      settings.points = corners;
    }
    training.begin({ ...settings, points: settings.set === "own" ? settings.points : [] });
  }

  /** @param {Begun} next */
  function begin(next) {
    begun = next;
    frame = next.frame;
    id("problem").hidden = true;
    for (const input of document.querySelectorAll("#network [aria-invalid]")) input.removeAttribute("aria-invalid");
    losses.clear();
    drawing.shape(settings);
    if (choice && (choice.layer >= next.layers.length || outside(choice, next.layers))) choice = null;
    walk.take(null);
    walk.limit(next.points.train.length);
    told = null;
    take(next.frame);
    if (choice) choose(choice);
  }

  /** @param {Frame} next */
  function take(next) {
    frame = next;
    losses.add(next.step, next.loss);
    paint();
    numbers(next);
    findings(next);
    if (choice?.kind === "neuron" && (!training.playing || performance.now() - asked > EQUATION_EVERY)) ask(choice);
  }

  function paint() {
    if (!begun || !frame) return;
    drawing.paint(begun, frame, choice, followed?.at ?? choice);
    const [layer, neuron] = choice?.kind === "neuron" ? [choice.layer, choice.neuron] : [begun.layers.length - 1, 0];
    field.paint(frame.maps[layer - 1].maps[neuron], frame.side, begun.points, followed?.point ?? null);
    const hidden = layer < begun.layers.length - 1;
    const scale = number(frame.maps[layer - 1].scales[neuron]);
    id("out-title").textContent = hidden ? `Neuron ${neuron + 1} of layer ${layer}` : "Output";
    id("least").textContent = hidden ? `−${scale}` : "class 0";
    id("most").textContent = hidden ? scale : "class 1";
    losses.paint();
    details.show(begun, frame, choice, told, settings);
  }

  /** @param {Choice | null} next */
  function choose(next) {
    choice = next;
    told = null;
    paint();
    if (next?.kind === "neuron") ask(next);
  }

  /** @param {Choice} wanted */
  async function askNeuron(wanted) {
    if (wanted.kind !== "neuron") return;
    asked = performance.now();
    try {
      const answer = await engine.call("network.neuron", { layer: wanted.layer, neuron: wanted.neuron });
      if (choice?.kind !== "neuron" || choice.layer !== wanted.layer || choice.neuron !== wanted.neuron) return;
      told = answer;
      if (begun && frame) details.show(begun, frame, choice, told, settings);
    } catch (error) {
      failed(error);
    }
  }

  /** @param {number} index */
  async function follow(index) {
    training.pause();
    try {
      const sample = await engine.call("network.sample", { index });
      walk.take(sample);
    } catch (error) {
      failed(error);
    }
  }

  /** @param {Sample | null} sample @param {number} at */
  function moved(sample, at) {
    const move = sample?.moves[at - 1];
    followed = sample && {
      point: sample.point,
      at: move ? { kind: "neuron", layer: Math.min(move.layer, settings.hidden.length + 1), neuron: move.neuron } : null,
    };
    drawing.badges(badgeAfter(sample, at, settings));
    paint();
  }

  /** @param {boolean} now */
  function playing(now) {
    id("play").textContent = now ? "Pause" : "Play";
    id("play").classList.toggle("on", now);
    if (now) walk.take(null);
  }

  /** @param {{ frames: number, steps: number }} now */
  function rate(now) {
    id("frames").textContent = now.frames.toFixed(0);
    id("rate").textContent = Math.round(now.steps).toLocaleString("en");
  }

  /** @param {unknown} error */
  function failed(error) {
    if (!(error instanceof EngineError)) throw error;
    const label = document.querySelector(`label[for="set-${error.field}"]`)?.textContent ?? error.field;
    id("problem").textContent = label ? `${label}: ${error.message}` : error.message;
    id("problem").hidden = false;
    document.getElementById(`set-${error.field}`)?.setAttribute("aria-invalid", "true");
  }

  function showSet() {
    for (const input of document.querySelectorAll("input[name=set]")) {
      if (input instanceof HTMLInputElement) input.checked = input.value === settings.set;
    }
    id("own").hidden = settings.set !== "own";
    for (const name of ["samples", "noise"]) {
      const place = document.getElementById(`set-${name}`)?.parentElement;
      if (place) place.hidden = settings.set === "own";
    }
  }

  function buttons() {
    const speed = find("speed", HTMLSelectElement);
    speed.append(...SPEEDS.map(([value, text]) => make("option", { value }, text)));
    speed.value = "epoch";
    speed.addEventListener("change", () => training.speed(speed.value));
    onClick(id("play"), () => (training.playing ? training.pause() : training.play()));
    onClick(id("one"), () => { walk.take(null); training.step(); });
    onClick(id("again"), again);
    find("plane", HTMLCanvasElement).addEventListener("click", (event) => {
      const place = field.place(event);
      if (settings.set === "own") own.add(place);
      else if (begun) follow(nearest(begun.points.train, place));
    });
  }

  return {
    /** @param {URLSearchParams} state */
    open(state) {
      if ([...state].length > 0 || !opened) {
        if ([...state].length > 0) Object.assign(settings, fromAddress(state, first));
        opened = true;
        again();
      } else {
        write("network", toAddress(settings, first));
        paint();
      }
    },
    close() {
      training.pause();
    },
  };
}

/** @param {Choice} choice @param {number[]} layers */
function outside(choice, layers) {
  if (choice.kind === "neuron") return choice.neuron >= layers[choice.layer];
  return choice.to >= layers[choice.layer] || choice.from >= layers[choice.layer - 1];
}

/** The position of the point next to a place. @param {Point[]} points @param {{ x: number, y: number }} place */
function nearest(points, { x, y }) {
  const far = points.map((point) => Math.hypot(point[0] - x, point[1] - y));
  return far.indexOf(Math.min(...far));
}

/** @param {Frame} frame */
function numbers({ epoch, step, loss, accuracy }) {
  const texts = {
    epoch: epoch.toLocaleString("en"), steps: step.toLocaleString("en"),
    "loss-train": number(loss.train), "loss-test": number(loss.test),
    "accuracy-train": percent(accuracy.train), "accuracy-test": percent(accuracy.test),
  };
  for (const [name, text] of Object.entries(texts)) id(name).textContent = text;
}

/** A finding is announced when it comes, not with every frame. @param {Frame} frame */
function findings({ findings, diverged }) {
  const place = id("doctor");
  const state = JSON.stringify([findings, diverged]);
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  const all = findings.map(({ title, evidence, cure, severity }) =>
    make("article", { class: `finding ${severity}` }, make("h3", {}, title), make("p", {}, evidence), make("p", { class: "cure" }, cure)));
  const gone = diverged ? [make("article", { class: "finding error" }, make("h3", {}, "Training has stopped"), make("p", {}, diverged))] : [];
  place.replaceChildren(...gone, ...all, ...(all.length + gone.length === 0 ? [make("p", { class: "hint" }, "Nothing to report.")] : []));
}

/** @param {Hello} hello @param {(set: string) => void} then */
function sets({ sets }, then) {
  const names = /** @type {Record<string, string>} */ ({ own: "your own", xor: "XOR" });
  id("sets").replaceChildren(...sets.map((set) => {
    const input = make("input", { type: "radio", name: "set", value: set });
    input.addEventListener("change", () => then(set));
    return make("label", {}, input, thumb(set), make("span", {}, names[set] ?? set));
  }));
}
