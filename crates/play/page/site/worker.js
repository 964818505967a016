// The engine as WebAssembly, away from the thread that draws.

import init, { Playground } from "./engine.js";

/** @type {Promise<Playground>} */
const ready = init({ module_or_path: new URL("engine_bg.wasm", import.meta.url) }).then(() => new Playground());

self.addEventListener("message", async (event) => {
  const playground = await ready;
  self.postMessage(playground.answer(event.data));
});

// A promise that fails reaches nobody; an error reaches the page.
ready.catch((error) => setTimeout(() => { throw error; }));
