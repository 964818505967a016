// How fast training steps are here, beside the program of this computer. `cargo xtask web-speed` builds both. Seconds
// are those of the processor, so that other programs do not count.

import { execFileSync } from "node:child_process";

const { CHAINRULE_ENGINE: engine, CHAINRULE: native } = process.env;
const { Playground, dense_steps } = await import(engine);

/** The middle of some numbers. @param {number[]} numbers */
const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** How long the processor works on something, in milliseconds. @param {() => void} work */
function time(work) {
  const { user, system } = process.cpuUsage();
  work();
  const after = process.cpuUsage({ user, system });
  return (after.user + after.system) / 1e3;
}

function steps(settings) {
  const playground = new Playground();
  const ask = (request) => JSON.parse(playground.answer(JSON.stringify(request))).ok;
  ask({ do: "network.begin", ...settings });
  const rate = () => {
    let done = 0;
    const took = time(() => { done = ask({ do: "network.train", milliseconds: 200 }).steps_done; });
    return (done / took) * 1e3;
  };
  // A browser compiles a module twice: at once, and well while it runs.
  for (let warm = 0; warm < 10; warm += 1) rate();
  const look = () => time(() => playground.answer('{"do": "network.train", "milliseconds": 0, "most_steps": 0}'));
  return { rate: median([rate(), rate(), rate()]), look: median(Array.from({ length: 51 }, look)) };
}

console.log(execFileSync(native, { encoding: "utf8" }));
for (const [name, settings] of JSON.parse(execFileSync(native, ["--settings"], { encoding: "utf8" }))) {
  const { rate, look } = steps(settings);
  console.log(`in Node       ${name}: ${Math.round(rate)} steps/s; a frame without steps ${look.toFixed(2)} ms`);
}
dense_steps(300);
const dense = median([0, 1, 2].map(() => time(() => dense_steps(200)) / 221));
console.log(`in Node       784-128-10, batch 64: ${(dense * 1e3).toFixed(0)} µs a step`);
