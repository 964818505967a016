// Training in turns with the screen: one request on its way, the newest frame drawn at the next chance.

/** @import {Begun, Frame, Settings, Transport} from "../types.js" */

/** How long a request trains, so that a screen of 60 frames a second has a new frame each time. */
const MILLISECONDS = 10;

/** How long frames and steps are counted, in milliseconds. */
const RATE_EVERY = 500;

/** How fast it goes: steps a frame, of an epoch of so many; without a bound, as many as there is time for. */
export const SPEEDS = /** @type {const} */ ([
  ["step", "one step a frame", () => 1],
  ["epoch", "one epoch a frame", (/** @type {number} */ epoch) => epoch],
  ["full", "as fast as it goes", () => undefined],
]);

/**
 * @param {Transport} engine
 * @param {object} wishes
 * @param {(begun: Begun) => void} wishes.begun
 * @param {(frame: Frame) => void} wishes.frame
 * @param {(playing: boolean) => void} wishes.playing
 * @param {(rate: { frames: number, steps: number }) => void} wishes.rate frames and steps a second, as the clock on the wall has it
 * @param {(error: unknown) => void} wishes.failed
 */
export function trainer(engine, wishes) {
  let playing = false;
  /** The request on its way. @type {Promise<void> | null} */
  let asking = null;
  /** Frames of a network that was begun anew meanwhile are not drawn. */
  let generation = 0;
  /** @type {Frame | null} */
  let fresh = null;
  let speed = /** @type {string} */ ("epoch");
  let epoch = 1;
  /** @type {number | undefined} */
  let rate;
  let drawn = 0;
  let done = 0;
  let since = 0;

  /** @param {number | undefined} steps */
  async function ask(steps) {
    asking ??= train(steps);
    await asking;
  }

  /** @param {number | undefined} steps */
  async function train(steps) {
    const mine = generation;
    try {
      const learning_rate = rate;
      rate = undefined;
      const frame = await engine.call("network.train", { milliseconds: MILLISECONDS, most_steps: steps, learning_rate });
      if (mine === generation) fresh = frame;
    } catch (error) {
      if (mine === generation) pause();
      wishes.failed(error);
    } finally {
      asking = null;
    }
    if (!playing) requestAnimationFrame(turn);
    else if (speed === "full" && !document.hidden) ask(undefined);
  }

  const steps = () => SPEEDS.find(([name]) => name === speed)?.[2](epoch);

  /** @param {number} now */
  function turn(now) {
    if (fresh) {
      const frame = fresh;
      fresh = null;
      drawn += 1;
      done += frame.steps_done;
      wishes.frame(frame);
      if (frame.diverged) pause();
    }
    if (playing && now - since >= RATE_EVERY) {
      const seconds = (now - since) / 1000;
      wishes.rate({ frames: drawn / seconds, steps: done / seconds });
      drawn = done = 0;
      since = now;
    }
    if (!playing) return;
    ask(steps());
    requestAnimationFrame(turn);
  }

  function pause() {
    playing = false;
    wishes.playing(false);
  }

  return {
    get playing() { return playing; },
    pause,
    play() {
      if (playing) return;
      playing = true;
      drawn = done = 0;
      since = performance.now();
      wishes.playing(true);
      requestAnimationFrame(turn);
    },
    async step() {
      pause();
      await asking;
      await ask(1);
    },
    /** @param {Settings} settings */
    async begin(settings) {
      const mine = (generation += 1);
      fresh = null;
      try {
        const begun = await engine.call("network.begin", settings);
        if (mine !== generation) return;
        epoch = Math.max(1, Math.ceil(begun.points.train.length / settings.batch_size));
        rate = undefined;
        wishes.begun(begun);
      } catch (error) {
        if (mine === generation) pause();
        wishes.failed(error);
      }
    },
    /** From the next step on. @param {number} next */
    learningRate(next) { rate = next; },
    /** @param {string} next */
    speed(next) { speed = next; },
  };
}
