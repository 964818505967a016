// Two ways to the engine behind one function: the program on this computer, or WebAssembly in a worker.

/** @import {Failure, Transport} from "../types.js" */

/** What the engine says when it cannot answer. */
export class EngineError extends Error {
  /** @param {Failure} failure */
  constructor(failure) {
    super(failure.message);
    /** The field of the request that it is about. */
    this.field = failure.where;
  }
}

/** Either way answers in the order in which it is asked. The server names itself in the page that it serves. @returns {Transport} */
export function transport() {
  const meta = document.querySelector('meta[name="chainrule-page"]');
  return meta instanceof HTMLMetaElement ? server(meta.content) : worker();
}

/**
 * A transport from a function that carries text.
 * @param {string} place
 * @param {(text: string) => Promise<string>} carry
 * @returns {Transport}
 */
function over(place, carry) {
  return {
    place,
    async call(name, body) {
      const answer = JSON.parse(await carry(JSON.stringify({ do: name, ...body })));
      if (answer.error) throw new EngineError(answer.error);
      return answer.ok;
    },
  };
}

/** @param {string} token */
function server(token) {
  const headers = { "content-type": "application/json", "x-chainrule-page": token };
  const post = async (/** @type {string} */ body) => {
    try {
      const response = await fetch("api", { method: "POST", headers, body });
      return await response.text();
    } catch {
      throw new EngineError({ message: "The program does not answer. Is chainrule play still running?" });
    }
  };
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  // Requests on their way together may arrive in another order.
  return over("the program on this computer", (body) => {
    const answer = last.then(() => post(body));
    last = answer.catch(() => null);
    return answer;
  });
}

function worker() {
  const engine = new Worker("worker.js", { type: "module" });
  /** @type {((text: string) => void)[]} */
  const waiting = [];
  engine.addEventListener("message", (event) => waiting.shift()?.(event.data));
  const broken = new Promise((_, fail) => {
    engine.addEventListener("error", () => fail(new EngineError({ message: "The engine could not be loaded." })));
  });
  return over("WebAssembly in this page", (text) => {
    const answer = new Promise((resolve) => waiting.push(resolve));
    engine.postMessage(text);
    return Promise.race([answer, broken]);
  });
}
