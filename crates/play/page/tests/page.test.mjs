// The page from outside, in a browser: over the program, and over static files if they are built.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import axe from "axe-core";
import { DRAWINGS } from "../site/strokes.js";
import { PROGRAM, SITE, browser, open, program, site, stroke } from "./harness.mjs";

/** @import {Browser, Page} from "playwright-core" */

/** The 2-2-2 network of docs and tests, written as an expression of its weights. */
const MAZUR = [
  "h1 = sigmoid(w1*0.05 + w2*0.1 + 0.35)", "h2 = sigmoid(w3*0.05 + w4*0.1 + 0.35)",
  "o1 = sigmoid(w5*h1 + w6*h2 + 0.6)", "o2 = sigmoid(w7*h1 + w8*h2 + 0.6)",
  "C = ((o1 - 0.01)^2 + (o2 - 0.99)^2) / 2",
].join("; ");

/** @type {[string, Record<string, number>][]} */
const WORKED = [
  ["e = (a+b)*(b+1)", { a: 2, b: 1 }],
  ["c = a + b; d = b + 1; e = c * d", { a: 2, b: 1 }],
  ["x1 = (x0 + y)*(x0*y + 1); x2 = (x1 + y)*(x1*y + 1); x3 = (x2 + y)*(x2*y + 1)", { x0: 0.1, y: 0.5 }],
  [MAZUR, { w1: 0.15, w2: 0.2, w3: 0.25, w4: 0.3, w5: 0.4, w6: 0.45, w7: 0.5, w8: 0.55 }],
];

/** @param {string} source @param {Record<string, number>} values */
function grad(source, values) {
  const pairs = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  return JSON.parse(execFileSync(PROGRAM, ["grad", source, ...pairs, "--json"], { encoding: "utf8" }));
}

/** @param {string} source @param {Record<string, number>} values */
function link(source, values) {
  const at = Object.entries(values).map(([name, value]) => `${name}:${value}`).join(",");
  return `#expression?${new URLSearchParams({ f: source, at })}`;
}

/** The table of nodes as exact numbers. @param {Page} page */
const table = (page) => page.$$eval("#nodes tbody tr", (rows) => rows.map((row) => ({
  name: row.querySelector("th")?.textContent ?? "",
  numbers: [...row.querySelectorAll("data")].map((data) => (data.value === "" ? null : Number(data.value))),
})));

/** @param {Page} page @param {string} id */
const text = async (page, id) => (await page.locator(id).textContent()) ?? "";

/** @param {Page} page @param {string} id */
const figure = async (page, id) => Number((await text(page, id)).replaceAll("−", "-").replace(/[^\d.e-]/g, ""));

/** What axe-core finds serious or critical. @param {Page} page */
async function faults(page) {
  const { violations } = await page.evaluate(() => /** @type {typeof axe} */ (/** @type {any} */ (window).axe).run());
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return grave.map(({ id, nodes }) => [id, nodes.map(({ target }) => target)]);
}

const PLACES = /** @type {const} */ ([["the program", program], ["static files", site]]);

for (const [place, serve] of PLACES) {
  const missing = place === "static files" && !existsSync(`${SITE}/engine.js`) && "not built: cargo xtask site";
  describe(`the page over ${place}`, { skip: missing, timeout: 300_000 }, () => {
    /** @type {Awaited<ReturnType<typeof serve>>} */
    let server;
    /** @type {Browser} */
    let chrome;
    before(async () => { [server, chrome] = await Promise.all([serve(), browser()]); });
    after(async () => { await chrome?.close(); server?.stop(); });

    /**
     * Over the program the very same numbers; in WebAssembly exp and its kind may differ in the last bit.
     * @param {(number | null)[]} shown
     * @param {(number | null)[]} wanted
     */
    function same(shown, wanted) {
      const most = place === "the program" ? 0 : 1e-13;
      assert.deepEqual(shown.map((one) => one === null), wanted.map((one) => one === null));
      for (const [at, one] of shown.entries()) assert.ok(Math.abs((one ?? 0) - (wanted[at] ?? 0)) <= most, `${shown} for ${wanted}`);
    }

    /**
     * Looks at a view; what the console complains of fails the test.
     * @param {string} view
     * @param {(page: Page) => Promise<void>} look
     * @param {Parameters<typeof open>[2]} [how]
     */
    async function at(view, look, how) {
      const { page, complaints } = await open(chrome, server.url + view, how);
      await look(page);
      assert.deepEqual(complaints, []);
      await page.context().close();
    }

    test("the numbers of the worked examples are those of the command", () => at("#expression", async (page) => {
      for (const [source, values] of WORKED) {
        const wanted = grad(source, values);
        await page.goto(server.url + link(source, values));
        const names = wanted.nodes.map((/** @type {{ name: string }} */ { name }) => name).join();
        await page.waitForFunction((names) => names
          === [...document.querySelectorAll(".graph [data-node]")].map((node) => node.getAttribute("data-node")).join(), names);
        const shown = await table(page);
        for (const [row, node] of wanted.nodes.entries()) {
          assert.equal(shown[row].name, node.name);
          same(shown[row].numbers, [node.value, node.gradient]);
        }
        const derivatives = await page.$$eval("#variables .derivative data", (all) => all.map((one) => Number(/** @type {HTMLDataElement} */ (one).value)));
        same(derivatives, Object.keys(values).map((name) => wanted.gradients[name]));
        const visits = await page.$$eval(".visit b", (all) => all.map((one) => one.textContent));
        const { sweep, paths } = wanted;
        assert.deepEqual(visits, [`${sweep.edge_visits} of ${sweep.edge_visits}`, String(paths.edge_visits)]);
      }
    }));

    test("the sweep is replayed by buttons and keys, in words", () => at(link("c = a+b; d = b+1; e = c*d", { a: 2, b: 1 }), async (page) => {
      await page.locator('.graph [data-node="e"]').waitFor();
      await page.click("#first");
      assert.equal(await page.locator(".graph .value:not(.later)").count(), 2);
      for (let press = 0; press < 5; press += 1) await page.keyboard.press("ArrowRight");
      assert.match(await text(page, "#words"), /c receives 1 · 2 = 2/);
      assert.equal(await page.locator(".graph .edge.now").count(), 1);
      assert.match(await text(page, ".visit.running"), /1 of 5/);
      await page.keyboard.press("End");
      assert.match(await text(page, "#words"), /b receives .*its pile is now 3 \+ 2 = 5|b receives .*= 5/);
      await page.click("#back");
      assert.match(await text(page, ".visit.running"), /4 of 5/);
      await page.click("#by-path");
      for (let press = 0; press < 4; press += 1) await page.click("#forth");
      assert.match(await text(page, "#words"), /Path 2 of 3/);
      assert.equal(await page.locator(".graph .edge.again").count(), 1);
      assert.match(await text(page, ".visit.running"), /path by path4 of 6/);
    }));

    test("variables move by dragging, by keys and by sliders", () => at("#expression", async (page) => {
      const node = page.locator('.graph [data-node="a"]');
      const box = await node.boundingBox();
      assert.ok(box);
      await page.mouse.move(box.x + 20, box.y + 20);
      await page.mouse.down();
      await page.mouse.move(box.x + 81, box.y + 20, { steps: 6 });
      await page.mouse.up();
      await page.waitForFunction(() => document.querySelector('.graph [data-node="a"] .value')?.textContent === "3");
      assert.equal(await text(page, "#variables .result data"), "8");
      await node.focus();
      await page.keyboard.press("ArrowUp");
      await page.waitForFunction(() => document.querySelector('.graph [data-node="a"] .value')?.textContent === "3.1");
      await page.getByLabel("b, slider").fill("-1");
      await page.waitForFunction(() => document.querySelector("#variables .result data")?.textContent === "0");
      assert.match(decodeURIComponent(page.url()), /at=a:3.1,b:-1/);
    }));

    test("what is typed is text, whatever it holds", () => at("#expression", async (page) => {
      const markup = '<img src=x onerror="document.title=1"><b>bold</b>';
      await page.fill("#source", markup);
      await page.locator("#source-problem").filter({ hasText: "<" }).waitFor();
      await page.goto(`${server.url}#network?set=own`);
      await page.fill("#own-text", `1, 2, ${markup}`);
      await page.click("text=Take the table");
      await page.fill("#own-text", `1, 2, ${markup}\n2, 3, other`);
      await page.click("text=Take the table");
      assert.match(await text(page, ".bring [role=status]"), /<b>bold<\/b>/);
      assert.equal(await page.locator("img[src=x], #network b:text('bold'), #expression b").filter({ hasText: "bold" }).count(), 0);
    }));

    test("scripts and styles inside of the page are refused", async () => {
      const { page, complaints } = await open(chrome, server.url);
      await page.evaluate(() => {
        const script = document.createElement("script");
        script.textContent = "window.intruder = true";
        document.body.append(script);
        document.body.setAttribute("style", "display: none");
      });
      assert.equal(await page.evaluate(() => "intruder" in window), false);
      assert.ok(await page.locator("main").isVisible());
      for (const kind of ["inline script", "inline style"]) {
        assert.ok(complaints.some((one) => one.includes(`${kind} violates the following Content Security Policy`)), kind);
      }
      await page.context().close();
    });

    test("a network learns the circle, and frames are drawn meanwhile", (t) => at("#network", async (page) => {
      await page.selectOption("#speed", "full");
      await page.click("#play");
      const passed = (/** @type {number} */ seen) => page.waitForFunction((seen) => (
        Number((document.querySelector("#steps")?.textContent ?? "").replaceAll(",", "")) > seen), seen);
      await passed(0);
      await passed(await figure(page, "#steps"));
      const learned = async () => (await figure(page, "#loss-test")) < 0.05 && (await figure(page, "#accuracy-test")) > 97;
      for (let looks = 0; !(await learned()); looks += 1) {
        assert.ok(looks < 300, await text(page, "#loss-test"));
        await page.waitForTimeout(100);
      }
      await page.waitForFunction(() => Number.parseFloat(document.querySelector("#frames")?.textContent ?? "") > 0);
      t.diagnostic(`${await text(page, "#frames")} frames/s, ${await text(page, "#rate")} steps/s`);
      await page.click("#play");
      await page.click("#again");
      await page.locator("#steps").filter({ hasText: /^0$/ }).waitFor();
      assert.ok((await figure(page, "#loss-test")) > 0.4);
      await page.click("#one");
      await page.locator("#steps").filter({ hasText: /^1$/ }).waitFor();
    }));

    test("neurons, edges and samples are explained", () => at("#network?set=xor&hidden=3", async (page) => {
      await page.click("#play");
      await page.locator('[data-key="1.2"] canvas').click();
      assert.match(await text(page, "#chosen .equation"), /tanh\(/);
      assert.equal(await text(page, "#out-title"), "Neuron 3 of layer 1");
      await page.locator("#chosen").getByRole("button", { name: "x", exact: true }).click();
      await page.click("#play");
      assert.match(await text(page, "#chosen"), /edge from x to neuron 3 of layer 1.*weight w.*gradient.*last update/s);
      // The middle of the edge between the third neuron and the output.
      const ends = await Promise.all(["1.2", "2.0"].map((key) => page.locator(`[data-key="${key}"] canvas`).boundingBox()));
      const [from, to] = ends.map((end) => end ?? { x: 0, y: 0, width: 0, height: 0 });
      await page.mouse.click((from.x + from.width + to.x) / 2, (from.y + to.y + to.height) / 2);
      assert.match(await text(page, "#chosen"), /edge from neuron 3 of layer 1 to the output/);
      await page.fill("#sample-index", "3");
      await page.click("text=Follow");
      const forth = page.locator("#sample [aria-label='One step on']");
      const seen = [];
      while (await forth.isEnabled()) {
        await forth.click();
        seen.push(await text(page, "#sample .words"));
      }
      assert.equal(seen.length, 9);
      assert.match(seen[4], /C = /);
      assert.match(seen[5], /δ/);
      assert.equal(await page.locator(".badge.pile").count(), 4);
    }));

    test("the shape, the features and the settings are the reader's, and a link shares them", () => at("#network", async (page) => {
      await page.click('[data-key="x^2"]');
      await page.click('[aria-label="one neuron more in layer 1"]');
      await page.click('[aria-label="one hidden layer more"]');
      await page.selectOption("#set-activation", "relu");
      await page.selectOption("#set-optimizer", "adam");
      await page.locator("#set-noise").fill("0.3");
      await page.locator("input[value=spiral]").check();
      await page.locator("#steps").filter({ hasText: /^0$/ }).waitFor();
      const address = page.url();
      await page.goto("about:blank");
      await page.goto(address);
      await page.locator('[data-key="3.1"]').waitFor();
      assert.equal(await page.locator(".features [aria-pressed=true]").count(), 3);
      assert.equal(await page.locator('[data-key^="1."]').count(), 5);
      assert.equal(await page.locator("#set-activation").inputValue(), "relu");
      assert.equal(await page.locator("#set-noise").inputValue(), "0.3");
      assert.ok(await page.locator("input[value=spiral]").isChecked());
    }));

    test("buttons pressed faster than the engine answers all count", () => at("#network", async (page) => {
      const more = "one neuron more in layer 1";
      await page.locator(`[aria-label="${more}"]`).waitFor();
      await page.evaluate((labels) => {
        for (const label of labels) /** @type {HTMLElement} */ (document.querySelector(`[aria-label="${label}"]`)).click();
      }, [more, more, "one hidden layer more", "one neuron less in layer 2", "one hidden layer more"]);
      await page.locator('[data-key="5.0"]').waitFor();
      const sizes = await page.$$eval(".size b", (all) => all.map((one) => one.textContent));
      assert.deepEqual(sizes, ["6", "1", "2", "2"]);
    }));

    test("the doctor says what is wrong, and is silent when nothing is", () => at("#network", async (page) => {
      await page.locator("#doctor").filter({ hasText: "Nothing to report." }).waitFor();
      await page.selectOption("#set-init", "zeros");
      await page.locator(".finding").filter({ hasText: "all neurons begin alike" }).waitFor();
      assert.equal(await text(page, ".finding .cure"), "draw the weights at random, by he-normal");
    }));

    test("what is set while the engine begins holds from the next step on", () => at("#network", async (page) => {
      await page.locator("#steps").filter({ hasText: /^0$/ }).waitFor();
      await page.evaluate((typed) => {
        for (const [id, value] of typed) {
          const field = /** @type {HTMLInputElement} */ (document.getElementById(id));
          field.value = value;
          field.dispatchEvent(new Event("input", { bubbles: true }));
        }
      }, [["set-init", "zeros"], ["set-learning_rate", "1e9"]]);
      await page.locator(".finding").filter({ hasText: "all neurons begin alike" }).waitFor();
      await page.click("#one");
      await page.locator("#problem").filter({ hasText: /^Learning rate: it goes/ }).waitFor();
      assert.equal(await text(page, "#steps"), "0");
    }));

    test("settings that the engine refuses are named and marked", () => at("#network", async (page) => {
      await page.fill("#set-learning_rate", "1e9");
      await page.click("#one");
      await page.locator("#problem").filter({ hasText: /^Learning rate: it goes/ }).waitFor();
      assert.equal(await page.getAttribute("#set-learning_rate", "aria-invalid"), "true");
      await page.fill("#set-learning_rate", "0.1");
      await page.click("#again");
      await page.locator("#problem").waitFor({ state: "hidden" });
      await page.goto(`${server.url}#network?hidden=1000`);
      await page.locator("#problem").filter({ hasText: /^hidden: it goes/ }).waitFor();
      for (const button of ["#play", "#one"]) {
        await page.click(button);
        assert.match(await text(page, "#problem"), /^hidden: it goes/);
        assert.equal(await text(page, "#play"), "Play");
      }
    }));

    test("a seed that is none is named, typed or in a link", () => at("#network", async (page) => {
      const named = page.locator("#problem").filter({ hasText: /^Seed: it must be a whole number from 0 to 9,007,199,254,740,991$/ });
      for (const seed of ["-1", "1.5", "9007199254740993"]) {
        await page.fill("#set-seed", seed);
        await named.waitFor();
        assert.equal(await page.getAttribute("#set-seed", "aria-invalid"), "true");
        await page.fill("#set-seed", "7");
        await page.locator("#problem").waitFor({ state: "hidden" });
        await page.goto("about:blank");
        await page.goto(`${server.url}#network?seed=${seed}`);
        await named.waitFor();
        await page.click("#play");
        await named.waitFor();
        assert.equal(await text(page, "#play"), "Play");
      }
      await page.fill("#set-seed", "9007199254740991");
      await page.locator("#problem").waitFor({ state: "hidden" });
      assert.match(page.url(), /seed=9007199254740991/);
    }));

    test("points come by clicks and from tables, and mistakes are named", () => at("#network?set=own", async (page) => {
      await page.fill("#own-text", "x,y,kind\n-3,-3,no\n3,3,yes\n-2,-3,no\n2,3,yes");
      await page.click("text=Take the table");
      assert.match(await text(page, ".bring [role=status]"), /4 points. “no” is class 0, “yes” class 1/);
      await page.locator("#plane").click({ position: { x: 40, y: 60 } });
      assert.match(await text(page, ".bring [role=status]"), /5 points/);
      const buffer = Buffer.from("long;wide;kind\n10;200;0\n30;100;1\n20;150;1\n");
      await page.setInputFiles("#own-file", { name: "points.csv", mimeType: "text/csv", buffer });
      await page.locator(".bring [role=status]").filter({ hasText: /3 points.*scaled to fit/ }).waitFor();
      await page.fill("#own-text", "1,2,a\n1,two,b");
      await page.click("text=Take the table");
      assert.match(await text(page, ".bring [role=status]"), /Line 2: “two” is not a number/);
    }));

    test("drawn digits are read, and the gradient shows on the pixels", () => at("#digits", async (page) => {
      let read = 0;
      for (const [digit, strokes] of DRAWINGS.entries()) {
        await page.click("#clear");
        await stroke(page, "#paper", strokes);
        await page.locator("#answer[aria-busy=false]").waitFor();
        if ((await text(page, "#answer b")) === String(digit)) read += 1;
      }
      assert.ok(read >= 9, `${read} of 10 digits were read`);
      const shares = await page.$$eval(".bar-row .share", (all) => all.map((one) => Number.parseFloat(one.textContent ?? "")));
      assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 100) < 1, String(shares));
      const colours = () => page.$eval("#seen", (canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL());
      const own = await colours();
      await page.locator(".bar-row").nth(2).click();
      assert.notEqual(await colours(), own);
      await page.click("#clear");
      assert.equal(await text(page, "#answer"), "Nothing is drawn yet.");
      await page.getByRole("button", { name: "a drawn 3" }).press("Enter");
      await page.locator("#answer b").filter({ hasText: "3" }).waitFor();
    }));

    if (place === "the program") test("a program that has ended is named", async () => {
      const own = await serve();
      const { page } = await open(chrome, `${own.url}#network`);
      own.stop();
      await page.click("#one");
      await page.locator("#problem").filter({ hasText: /does not answer/ }).waitFor();
      await page.context().close();
    });

    for (const view of ["#expression", "#network", "#digits"]) {
      test(`${view} is accessible in the light and in the dark, and fits on a phone`, () => at(view, async (page) => {
        if (view === "#network") await page.locator('[data-key="1.0"] canvas').click();
        if (view === "#digits") await page.getByRole("button", { name: "a drawn 3" }).click();
        await page.waitForTimeout(300);
        await page.evaluate(axe.source);
        for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
          await page.emulateMedia({ colorScheme });
          assert.deepEqual(await faults(page), [], colorScheme);
        }
        await page.setViewportSize({ width: 390, height: 844 });
        assert.deepEqual(await faults(page), [], "phone");
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= 390, `${wide} pixels wide`);
      }));
    }
  });
}
