// The pages that commands write, in a browser: loaded from a file, used, and looked through by axe-core.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import { PROGRAM, browser } from "./harness.mjs";

/** @import {Browser, Page} from "playwright-core" */

const WINE = new URL("../../../../data/tables/wine.csv", import.meta.url).pathname;

describe("the pages that commands write", { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "chainrule-pages-"));
  /** @param {string} name */
  const file = (name) => join(folder, name);
  /** @param {string[]} args */
  const run = (args) => execFileSync(PROGRAM, args, { encoding: "utf8" });
  /** @type {Browser} */
  let chrome;

  before(async () => {
    run(["grad", "e = (a+b)*(b+1)", "a=2", "b=1", "--html", file("grad.html")]);
    run(["train", WINE, "--target", "cultivar", "--epochs", "20", "--seed", "1", "--run", file("run"), "--out", file("model")]);
    run(["explain", file("model"), WINE, "--row", "3", "--html", file("explain.html")]);
    chrome = await browser();
  });
  after(async () => {
    await chrome?.close();
    rmSync(folder, { recursive: true });
  });

  /**
   * Looks at a page twice: as it is, with a console that must stay silent, and with axe-core put into it.
   * @param {string} name
   * @param {(page: Page) => Promise<void>} look
   */
  async function at(name, look) {
    const address = pathToFileURL(file(name)).href;
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      const context = await chrome.newContext({ viewport: { width: 390, height: 844 }, colorScheme });
      const page = await context.newPage();
      /** @type {string[]} */
      const complaints = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("request", (request) => { if (!/^(file|data):/.test(request.url())) complaints.push(request.url()); });
      await page.goto(address);
      await look(page);
      const room = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(room <= 0, `${name} is ${room} pixels too wide for a phone`);
      assert.deepEqual(complaints, []);
      await context.close();

      const open = await chrome.newContext({ viewport: { width: 1280, height: 900 }, colorScheme, bypassCSP: true });
      const seen = await open.newPage();
      await seen.goto(address);
      await seen.evaluate(axe.source);
      const { violations } = await seen.evaluate(() => /** @type {any} */ (window).axe.run());
      const grave = violations.filter((/** @type {any} */ { impact }) => impact === "serious" || impact === "critical");
      assert.deepEqual(grave.map((/** @type {any} */ { id, nodes }) => [id, nodes.map((/** @type {any} */ n) => n.html)]), []);
      await open.close();
    }
  }

  test("grad --html is replayed with the keyboard", async () => {
    await at("grad.html", async (page) => {
      await page.keyboard.press("End");
      assert.match((await page.locator("#words").textContent()) ?? "", /b receives .*5/);
      assert.equal(await page.locator("#by-sweep").textContent(), "5 of 5");
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowRight");
      assert.match((await page.locator("#words").textContent()) ?? "", /a = 2/);
      assert.equal(await page.locator("#by-sweep").textContent(), "0 of 5");
      assert.match((await page.locator("#by-path").textContent()) ?? "", /6$/);
    });
  });

  test("the report shows what the run says", async () => {
    const { accuracy } = JSON.parse(readFileSync(file("run/result.json"), "utf8")).test;
    await at("run/report.html", async (page) => {
      const figure = page.locator(".figures div", { hasText: "test accuracy" }).locator("dd");
      assert.equal(await figure.textContent(), `${(100 * accuracy).toFixed(2)} %`);
      assert.ok(await page.locator("svg.chart").count() >= 8);
      assert.equal(await page.locator("svg.chart polyline").first().isVisible(), true);
    });
  });

  test("explain --html answers the keyboard with the numbers of explain --json", async () => {
    const { cost } = JSON.parse(run(["explain", file("model"), WINE, "--row", "3", "--json"]));
    await at("explain.html", async (page) => {
      const shown = (await page.locator("dl").first().textContent()) ?? "";
      const number = Number(shown.replaceAll("−", "-").match(/cross-entropy\s*([\d.e-]+)/)?.[1]);
      assert.ok(Math.abs(number / cost - 1) < 1e-8, `${number} beside ${cost}`);
      const neuron = page.locator("[tabindex]").filter({ has: page.locator("circle, title") }).first();
      await neuron.focus();
      await page.keyboard.press("ArrowRight");
      assert.match((await page.locator("body").textContent()) ?? "", /z = Σ w · /);
    });
  });
});
