// How fast training steps are here, beside the program of this computer. `cargo xtask web-speed` builds both.

import { execFileSync } from "node:child_process";

const { CHAINRULE_ENGINE: engine, CHAINRULE: native } = process.env;
const { Playground, dense_steps } = await import(engine);

/** The middle of some numbers. @param {number[]} numbers */
const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

function steps(settings) {
  const playground = new Playground();
  const ask = (request) => JSON.parse(playground.answer(JSON.stringify(request))).ok;
  ask({ do: "network.begin", ...settings });
  const rate = () => {
    const { steps_done, milliseconds } = ask({ do: "network.train", milliseconds: 200 });
    return (steps_done / milliseconds) * 1e3;
  };
  // A browser compiles a module twice: at once, and well while it runs.
  for (let warm = 0; warm < 10; warm += 1) rate();
  const rates = [rate(), rate(), rate()];
  const looks = Array.from({ length: 50 }, () => {
    const start = performance.now();
    playground.answer('{"do": "network.train", "milliseconds": 0, "most_steps": 0}');
    return performance.now() - start;
  });
  return { steps: median(rates), look: median(looks) };
}

console.log(execFileSync(native, { encoding: "utf8" }));
for (const [name, settings] of JSON.parse(execFileSync(native, ["--settings"], { encoding: "utf8" }))) {
  const { steps: rate, look } = steps(settings);
  console.log(`in Node       ${name}: ${Math.round(rate)} steps/s; a frame without steps ${look.toFixed(2)} ms`);
}
dense_steps(300);
console.log(`in Node       784-128-10, batch 64: ${(median([0, 1, 2].map(() => dense_steps(200) / 200)) * 1e3).toFixed(0)} µs a step`);
