// The engine for browsers, in Node: its numbers are those of the command line.
// `cargo xtask web-test` builds both and says where they are.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const { CHAINRULE_ENGINE: engine, CHAINRULE: program } = process.env;
const { Playground } = await import(engine);
const worked = JSON.parse(readFileSync(new URL("../../play/tests/worked.json", import.meta.url), "utf8"));

function ask(playground, request) {
  const answer = JSON.parse(playground.answer(JSON.stringify(request)));
  assert.ok(answer.ok, JSON.stringify(answer.error));
  return answer.ok;
}

/** Asserts that both are the same but for the last bits of numbers: functions such as exp differ in them. */
function assertClose(found, wanted, place) {
  if (typeof wanted === "number") {
    assert.ok(Math.abs(found - wanted) <= 1e-14 + 1e-13 * Math.abs(wanted), `${place}: ${found}, not ${wanted}`);
  } else if (wanted !== null && typeof wanted === "object") {
    assert.deepEqual(Object.keys(found), Object.keys(wanted), place);
    for (const key of Object.keys(wanted)) assertClose(found[key], wanted[key], `${place}.${key}`);
  } else {
    assert.equal(found, wanted, place);
  }
}

for (const { name, source, values, value, gradients } of worked) {
  test(`worked example: ${name}`, () => {
    const { gradient } = ask(new Playground(), { do: "expression", source, values });
    const args = ["grad", source, ...Object.entries(values).map(([name, value]) => `${name}=${value}`), "--json"];
    assertClose(gradient, JSON.parse(execFileSync(program, args, { encoding: "utf8" })), "document");
    if (value !== undefined) assert.ok(Math.abs(gradient.value - value) < 1e-9);
    for (const [variable, wanted] of Object.entries(gradients ?? {})) {
      assert.ok(Math.abs(gradient.gradients[variable] - wanted) < 1e-9, variable);
    }
  });
}

test("a network learns", () => {
  const playground = new Playground();
  const settings = { set: "xor", noise: 0.05, hidden: [6, 4], optimizer: "adam", learning_rate: 0.01, seed: 1 };
  const begun = ask(playground, { do: "network.begin", ...settings });
  assert.deepEqual(begun.layers, [2, 6, 4, 1]);
  let frame = begun.frame;
  for (let asked = 0; asked < 100 && frame.step < 1500; asked += 1) {
    frame = ask(playground, { do: "network.train", milliseconds: 100, most_steps: 1500 - frame.step });
  }
  assert.ok(frame.accuracy.test > 0.95, JSON.stringify(frame.accuracy));
  assert.ok(frame.steps_per_second > 0);
  const sample = ask(playground, { do: "network.sample", index: 0 });
  assert.ok(sample.loss_after_update < sample.loss);
  assert.match(ask(playground, { do: "network.neuron", layer: 1, neuron: 0 }).equation, /^a¹₁ = tanh\(/);
});

test("a digit is read", () => {
  const pixels = new Uint8Array(28 * 28);
  for (let row = 4; row < 24; row += 1) pixels.fill(255, row * 28 + 13, row * 28 + 15);
  const answer = ask(new Playground(), { do: "digit", pixels: Buffer.from(pixels).toString("base64") });
  assert.equal(answer.digit, 1);
  assert.equal(answer.gradient.length, 784);
});

test("what is wrong is said, and the engine lives on", () => {
  const playground = new Playground();
  for (const request of ["", "[]", '{"do":"dance"}', '{"do":"expression","source":"(a"}', '{"do":"network.train","milliseconds":1}']) {
    assert.ok(JSON.parse(playground.answer(request)).error.message, request);
  }
  ask(playground, { do: "hello" });
});
