// A network that learns to tell two classes of points apart.

import { EngineError } from "./transport.js";
import { find, make, newest, number, onClick } from "./dom.js";
import { onTheme } from "./colours.js";
import { Inspector } from "./chosen.js";
import { Curve } from "./curve.js";
import { Diagram } from "./diagram.js";
import { ownPoints } from "./own.js";
import { Plane, nearest } from "./plane.js";
import { SampleWalk, badgeAfter } from "./sample.js";
import { findings, rates, readings } from "./readings.js";
import { thumb } from "./thumbs.js";
import { fields, firstMistake, fromAddress, refresh, toAddress } from "./settings.js";
import { SPEEDS, Trainer } from "./trainer.js";
import { write } from "./link.js";

/** @import {Begun, Choice, Frame, Hello, Neuron, Point, Sample, Settings, Transport} from "../types.js" */

const id = (/** @type {string} */ name) => find(name, HTMLElement);

/** How often a neuron's equation is asked for anew while training, in milliseconds. */
const EQUATION_EVERY = 250;

/** With more hidden neurons, maps are coarser. */
const MANY_NEURONS = 40;
const COARSE = 30;

/** The points to begin with when they are the reader's own. @type {Point[]} */
const FIRST_POINTS = [[-2, -2, 0], [2, 2, 1]];

export class NetworkView {
  #engine;
  #first;
  #settings;
  /** @type {Begun | null} */
  #begun = null;
  /** @type {Frame | null} */
  #frame = null;
  /** @type {Choice | null} */
  #choice = null;
  /** What the engine says of the chosen neuron, and when it was asked. @type {Neuron | null} */
  #told = null;
  #asked = 0;
  /** The sample that is followed, and the neuron where it is. @type {{ point: Point, at: Choice | null } | null} */
  #followed = null;
  #opened = false;
  #curve = new Curve(find("curve", HTMLCanvasElement));
  #plane = new Plane(find("plane", HTMLCanvasElement));
  #ask = newest((/** @type {Choice} */ choice) => this.#askNeuron(choice));
  #inspector = new Inspector(id("chosen"), (choice) => this.#choose(choice));
  #walk = new SampleWalk(id("sample"), {
    follow: (index) => this.#follow(index),
    moved: (sample, at) => this.#moved(sample, at),
  });
  #diagram;
  #trainer;
  #own;

  /** @param {Transport} engine @param {Hello} hello */
  constructor(engine, hello) {
    this.#engine = engine;
    this.#first = hello.settings;
    this.#settings = structuredClone(hello.settings);
    if (hello.own) Object.assign(this.#settings, { set: "own", points: hello.own.points });
    this.#trainer = new Trainer(engine, {
      begun: (begun) => this.#begin(begun),
      frame: (frame) => this.#take(frame),
      playing: (playing) => this.#playing(playing),
      rate: rates,
      failed: (error) => this.#failed(error),
    });
    this.#diagram = new Diagram(id("diagram"), hello, {
      choose: (choice) => this.#choose(choice),
      features: (features) => this.#change({ features }),
      hidden: (hidden) => this.#change({ hidden }),
    });
    this.#own = ownPoints(id("own"), hello, this.#settings, () => this.#again());
    fields(hello, this.#settings, { training: id("settings"), data: id("data-settings") },
      (name) => this.#set(name), (mistake) => this.#failed(mistake));
    sets(hello, (set) => this.#change({ set }));
    this.#buttons();
    onTheme(() => this.#paint());
  }

  /** @param {URLSearchParams} state */
  open(state) {
    const given = [...state].length > 0;
    if (given) Object.assign(this.#settings, fromAddress(state, this.#first));
    if (given || !this.#opened) {
      this.#opened = true;
      this.#again();
    } else {
      this.#share();
      this.#paint();
    }
  }

  close() {
    this.#trainer.pause();
  }

  #buttons() {
    const speed = find("speed", HTMLSelectElement);
    speed.append(...SPEEDS.map(([value, text]) => make("option", { value }, text)));
    speed.value = "epoch";
    speed.addEventListener("change", () => this.#trainer.speed(speed.value));
    onClick(id("play"), () => (this.#trainer.playing ? this.#trainer.pause() : this.#trainer.play()));
    onClick(id("one"), () => {
      this.#walk.take(null);
      this.#trainer.step();
    });
    onClick(id("again"), () => this.#again());
    find("plane", HTMLCanvasElement).addEventListener("click", (event) => {
      const place = this.#plane.place(event);
      if (this.#settings.set === "own") this.#own.add(place);
      else if (this.#begun) this.#follow(nearest(this.#begun.points.train, place));
    });
  }

  /** @param {Partial<Settings>} some */
  #change(some) {
    Object.assign(this.#settings, some);
    this.#again();
  }

  /** A setting was changed by its field. @param {keyof Settings} name */
  #set(name) {
    if (name !== "learning_rate" || this.#trainer.isRefused) return this.#again();
    allIsWell();
    this.#trainer.learningRate(this.#settings.learning_rate);
    this.#share();
  }

  /** Begins anew with the settings as they are. */
  #again() {
    const settings = this.#settings;
    const neurons = settings.hidden.reduce((sum, size) => sum + size, 0);
    settings.side = neurons > MANY_NEURONS ? COARSE : this.#first.side;
    if (settings.set === "own" && settings.points.length === 0) settings.points = FIRST_POINTS;
    refresh(settings);
    showSet(settings);
    const mistake = firstMistake();
    if (mistake) return this.#trainer.refuse(mistake);
    this.#share();
    this.#trainer.begin({ ...settings, points: settings.set === "own" ? settings.points : [] });
  }

  #share() {
    write("network", toAddress(this.#settings, this.#first));
  }

  /** @param {Begun} begun */
  #begin(begun) {
    this.#begun = begun;
    this.#frame = begun.frame;
    allIsWell();
    this.#curve.clear();
    this.#diagram.shape(this.#settings);
    if (this.#choice && outside(this.#choice, begun.layers)) this.#choice = null;
    this.#walk.take(null);
    this.#walk.limit(begun.points.train.length);
    this.#take(begun.frame);
    this.#choose(this.#choice);
  }

  /** @param {Frame} frame */
  #take(frame) {
    this.#frame = frame;
    this.#curve.add(frame.step, frame.loss);
    this.#paint();
    readings(frame);
    findings(frame);
    const due = !this.#trainer.playing || performance.now() - this.#asked > EQUATION_EVERY;
    if (this.#choice?.kind === "neuron" && due) this.#ask(this.#choice);
  }

  #paint() {
    const [begun, frame, choice] = [this.#begun, this.#frame, this.#choice];
    if (!begun || !frame) return;
    this.#diagram.paint(begun, frame, choice, this.#followed?.at ?? choice);
    const [layer, neuron] = choice?.kind === "neuron" ? [choice.layer, choice.neuron] : [begun.layers.length - 1, 0];
    const { maps, scales } = frame.maps[layer - 1];
    this.#plane.paint(maps[neuron], frame.side, begun.points, this.#followed?.point ?? null);
    const hidden = layer < begun.layers.length - 1;
    id("out-title").textContent = hidden ? `Neuron ${neuron + 1} of layer ${layer}` : "Output";
    id("least").textContent = hidden ? `−${number(scales[neuron])}` : "class 0";
    id("most").textContent = hidden ? number(scales[neuron]) : "class 1";
    if (this.#trainer.playing) this.#curve.grow();
    else this.#curve.paint();
    this.#inspector.show(begun, frame, choice, this.#told, this.#settings);
  }

  /** @param {Choice | null} choice */
  #choose(choice) {
    this.#choice = choice;
    this.#told = null;
    this.#paint();
    if (choice?.kind === "neuron") this.#ask(choice);
  }

  /** @param {Choice} choice */
  async #askNeuron(choice) {
    if (choice.kind !== "neuron") return;
    this.#asked = performance.now();
    try {
      const told = await this.#engine.call("network.neuron", { layer: choice.layer, neuron: choice.neuron });
      if (choice !== this.#choice || !this.#begun || !this.#frame) return;
      this.#told = told;
      this.#inspector.show(this.#begun, this.#frame, choice, told, this.#settings);
    } catch (error) {
      // A neuron that was chosen may be gone, with the network that had it.
      if (choice === this.#choice) this.#failed(error);
    }
  }

  /** Sends a training point through the network. @param {number} index */
  async #follow(index) {
    this.#trainer.pause();
    try {
      this.#walk.take(await this.#engine.call("network.sample", { index }));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {Sample | null} sample @param {number} at */
  #moved(sample, at) {
    const top = this.#settings.hidden.length + 1;
    const move = sample?.moves[at - 1];
    this.#followed = sample && {
      point: sample.point,
      at: move ? { kind: "neuron", layer: Math.min(move.layer, top), neuron: move.neuron } : null,
    };
    this.#diagram.badges(badgeAfter(sample, at, top));
    this.#paint();
  }

  /** @param {boolean} playing */
  #playing(playing) {
    id("play").textContent = playing ? "Pause" : "Play";
    if (playing) this.#walk.take(null);
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!(error instanceof EngineError)) throw error;
    const label = document.querySelector(`label[for="set-${error.field}"]`)?.textContent ?? error.field;
    id("problem").textContent = label ? `${label}: ${error.message}` : error.message;
    id("problem").hidden = false;
    document.getElementById(`set-${error.field}`)?.setAttribute("aria-invalid", "true");
  }
}

/** Takes the message away, and its mark on a field. */
function allIsWell() {
  id("problem").hidden = true;
  for (const input of document.querySelectorAll("#network [aria-invalid]")) input.removeAttribute("aria-invalid");
}

/** @param {Choice} choice @param {number[]} layers */
function outside(choice, layers) {
  if (choice.layer >= layers.length) return true;
  if (choice.kind === "neuron") return choice.neuron >= layers[choice.layer];
  return choice.to >= layers[choice.layer] || choice.from >= layers[choice.layer - 1];
}

/** What can be set depends on the set of points. @param {Settings} settings */
function showSet({ set }) {
  for (const input of document.querySelectorAll("input[name=set]")) {
    if (input instanceof HTMLInputElement) input.checked = input.value === set;
  }
  id("own").hidden = set !== "own";
  for (const name of ["samples", "noise"]) {
    const place = document.getElementById(`set-${name}`)?.parentElement;
    if (place) place.hidden = set === "own";
  }
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
