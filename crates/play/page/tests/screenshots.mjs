// Writes the pictures of the page that the documentation shows.

import { mkdirSync } from "node:fs";
import { browser, open, program } from "./harness.mjs";

const FOLDER = new URL("../../../../docs/images/", import.meta.url).pathname;

mkdirSync(FOLDER, { recursive: true });
const [server, chrome] = await Promise.all([program(), browser()]);

/**
 * @param {string} name
 * @param {string} view
 * @param {number} height
 * @param {(page: import("playwright-core").Page) => Promise<void>} prepare
 */
async function shoot(name, view, height, prepare) {
  const { page } = await open(chrome, server.url + view, { width: 1180, height });
  await prepare(page);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${FOLDER}playground-${name}.png` });
  await page.context().close();
}

await shoot("expression", "#expression", 860, async (page) => {
  await page.click("#first");
  for (let press = 0; press < 7; press += 1) await page.click("#forth");
});

await shoot("network", "#network?set=spiral&hidden=8,6&features=x,y,sin x,sin y&noise=0.05&learning_rate=0.1&l2=0.001", 960, async (page) => {
  await page.selectOption("#speed", "full");
  await page.click("#play");
  await page.waitForTimeout(4000);
  await page.click("#play");
});

await shoot("digits", "#digits", 680, (page) => page.getByRole("button", { name: "a drawn 3" }).click());

await chrome.close();
server.stop();
