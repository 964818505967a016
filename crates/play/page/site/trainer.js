// Training in turns with the screen: one request on its way, the newest frame drawn at the next chance.

/** @import {Begun, Frame, Settings, Transport} from "../types.js" */

/** The time of a frame, in milliseconds, so that a screen of 60 frames a second has a new one each time. */
const FRAME = 15;
/** A request trains so long at least and at most; the rest of the frame is for the way to the engine and back. */
const [LEAST, MOST] = [2, 12];

/** How long frames and steps are counted, in milliseconds. */
const RATE_EVERY = 500;

/** How fast it goes: steps a frame, of an epoch of so many; without a bound, as many as there is time for. */
export const SPEEDS = /** @type {const} */ ([
  ["step", "one step a frame", () => 1],
  ["epoch", "one epoch a frame", (/** @type {number} */ epoch) => epoch],
  ["full", "as fast as it goes", () => undefined],
]);

/**
 * Who hears of it.
 * @typedef {object} Listener
 * @property {(begun: Begun) => void} begun
 * @property {(frame: Frame) => void} frame
 * @property {(playing: boolean) => void} playing
 * @property {(rate: { frames: number, steps: number }) => void} rate frames and steps a second by the clock on the wall
 * @property {(error: unknown) => void} failed
 */

/** Asks for training while it plays. */
export class Trainer {
  playing = false;
  #engine;
  #listener;
  /** The request on its way. @type {Promise<void> | null} */
  #asking = null;
  /** Frames of a network that was begun anew meanwhile are not drawn. */
  #generation = 0;
  /** Why there is no network with the newest settings, if that was refused. @type {unknown} */
  #refused = null;
  /** @type {Frame | null} */
  #fresh = null;
  #speed = "epoch";
  /** Steps of an epoch. */
  #epoch = 1;
  /** A learning rate that the engine does not know yet. @type {number | undefined} */
  #rate;
  /** How long requests take beside the training, in milliseconds, the older ones counting less. */
  #overhead = 5;
  /** A frame was drawn without news since the last request. */
  #late = false;
  #counted = { frames: 0, steps: 0, since: 0 };

  /** @param {Transport} engine @param {Listener} listener */
  constructor(engine, listener) {
    this.#engine = engine;
    this.#listener = listener;
  }

  play() {
    if (this.playing) return;
    if (this.isRefused) return this.#listener.failed(this.#refused);
    this.playing = true;
    this.#counted = { frames: 0, steps: 0, since: performance.now() };
    this.#listener.playing(true);
    this.#next();
  }

  pause() {
    this.playing = false;
    this.#listener.playing(false);
  }

  async step() {
    this.pause();
    await this.#asking;
    if (this.isRefused) this.#listener.failed(this.#refused);
    else await this.#ask(1);
  }

  /** Whether there is no network to train with the newest settings. */
  get isRefused() {
    return this.#refused !== null;
  }

  /** The newest settings are none that the engine could be asked for. @param {unknown} error */
  refuse(error) {
    this.#generation += 1;
    this.#fresh = null;
    this.#refused = error;
    this.#fail(this.#generation, error);
  }

  /** @param {Settings} settings */
  async begin(settings) {
    const mine = (this.#generation += 1);
    this.#fresh = null;
    this.#refused = null;
    // The settings hold it. One that is set while the engine begins is newer.
    this.#rate = undefined;
    try {
      const begun = await this.#engine.call("network.begin", settings);
      if (mine !== this.#generation) return;
      this.#epoch = Math.max(1, Math.ceil(begun.points.train.length / settings.batch_size));
      this.#listener.begun(begun);
    } catch (error) {
      if (mine === this.#generation) this.#refused = error;
      this.#fail(mine, error);
    }
  }

  /** From the next step on. @param {number} rate */
  learningRate(rate) {
    this.#rate = rate;
  }

  /** @param {string} speed */
  speed(speed) {
    this.#speed = speed;
  }

  /** @param {number | undefined} steps */
  async #ask(steps) {
    this.#asking ??= this.#train(steps);
    await this.#asking;
  }

  /** @param {number | undefined} steps */
  async #train(steps) {
    const mine = this.#generation;
    const milliseconds = Math.max(LEAST, Math.min(MOST, FRAME - this.#overhead));
    const asked = { milliseconds, most_steps: steps, learning_rate: this.#rate };
    const since = performance.now();
    this.#rate = undefined;
    this.#late = false;
    try {
      const frame = await this.#engine.call("network.train", asked);
      this.#overhead = 0.9 * this.#overhead + 0.1 * (performance.now() - since - frame.milliseconds);
      // Without a network of the newest settings, the engine has trained one of older settings.
      if (mine === this.#generation && !this.isRefused) this.#fresh = frame;
    } catch (error) {
      if (!this.isRefused) this.#fail(mine, error);
    }
    this.#asking = null;
    if (!this.playing) this.#next();
    else if ((this.#speed === "full" || this.#late) && !document.hidden) this.#ask(this.#steps());
  }

  /** @param {number} generation @param {unknown} error */
  #fail(generation, error) {
    if (generation === this.#generation) this.pause();
    this.#listener.failed(error);
  }

  #next() {
    requestAnimationFrame((now) => this.#turn(now));
  }

  /** @param {number} now */
  #turn(now) {
    if (this.#fresh) this.#draw(this.#fresh);
    else this.#late = true;
    this.#fresh = null;
    if (!this.playing) return;
    this.#count(now);
    this.#ask(this.#steps());
    this.#next();
  }

  /** The most steps of a request. */
  #steps() {
    return SPEEDS.find(([name]) => name === this.#speed)?.[2](this.#epoch);
  }

  /** @param {Frame} frame */
  #draw(frame) {
    this.#counted.frames += 1;
    this.#counted.steps += frame.steps_done;
    this.#listener.frame(frame);
    if (frame.diverged) this.pause();
  }

  /** @param {number} now */
  #count(now) {
    const { frames, steps, since } = this.#counted;
    const seconds = (now - since) / 1000;
    if (1000 * seconds < RATE_EVERY) return;
    this.#listener.rate({ frames: frames / seconds, steps: steps / seconds });
    this.#counted = { frames: 0, steps: 0, since: now };
  }
}
