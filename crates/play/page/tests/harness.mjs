// What every test of the page needs: the program or the static files as a server, and a browser that looks at them.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

/** @import {Browser, Page} from "playwright-core" */

const ROOT = new URL("../../../../", import.meta.url).pathname;

/** The program: as the environment names it, or the newest build that is there. */
export const PROGRAM = process.env.CHAINRULE
  ?? [`${ROOT}target/release/chainrule`, `${ROOT}target/debug/chainrule`].find(existsSync)
  ?? "chainrule";

/** The static files with the engine as WebAssembly, if they are built. */
export const SITE = process.env.CHAINRULE_SITE ?? `${ROOT}target/site`;

/** A server and its end. @typedef {{ url: string, stop: () => void }} Server */

/** @returns {Promise<Server>} */
export function program() {
  const child = spawn(PROGRAM, ["play", "--no-open", "--port", "0"], { stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((done, fail) => {
    let said = "";
    const listen = (/** @type {Buffer} */ text) => {
      said += text;
      const url = /http:\/\/[\w.:[\]]+\/?/.exec(said)?.[0];
      if (url) done({ url, stop: () => child.kill() });
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.on("error", fail);
    child.on("exit", () => fail(new Error(`chainrule play ended: ${said}`)));
  });
}

const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm",
});

/** A folder as any host of static files serves it. @param {string} [folder] @returns {Promise<Server>} */
export function site(folder = SITE) {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    try {
      const content = await readFile(file);
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    done({ url: `http://127.0.0.1:${port}/`, stop: () => server.close() });
  }));
}

/** Chromium, without what it would do beside showing pages. @returns {Promise<Browser>} */
export function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

/**
 * A view in a window of its own, and what its console complains of.
 * @param {Browser} chrome
 * @param {string} address
 * @param {{ width?: number, height?: number, dark?: boolean, touch?: boolean }} [look]
 */
export async function open(chrome, address, { width = 1280, height = 900, dark = false, touch = false } = {}) {
  const context = await chrome.newContext({
    viewport: { width, height }, colorScheme: dark ? "dark" : "light", hasTouch: touch, reducedMotion: "reduce",
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(address);
  await page.locator("#place").filter({ hasText: "chainrule" }).waitFor();
  return { page, complaints };
}

/**
 * Draws with the mouse on a canvas; places from 0 to 1.
 * @param {Page} page
 * @param {string} selector
 * @param {[number, number][][]} strokes
 */
export async function stroke(page, selector, strokes) {
  const box = await page.locator(selector).boundingBox();
  if (!box) throw new Error(`${selector} is not to be seen`);
  for (const places of strokes) {
    for (const [at, [x, y]] of places.entries()) {
      await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
      if (at === 0) await page.mouse.down();
    }
    await page.mouse.up();
  }
}
