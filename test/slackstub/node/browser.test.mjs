// A person at the page, in headless Chromium. SHOTS=<folder> keeps pictures.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import bolt from "@slack/bolt";
import { chromium } from "playwright-core";
import * as cards from "./card.mjs";
import { alerts, people, start, until } from "./stub.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}: install the package "chromium" or set CHROMIUM`;
if (skip) console.error("SKIPPED: the page is not tested, " + skip);

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const desktop = { width: 1280, height: 860 }, phone = { width: 390, height: 844 };
let stub, app, browser, ts, errors = [];

before(async () => {
  if (skip) return;
  stub = await start();
  app = new bolt.App({ token: stub.bot_token, appToken: stub.app_token, socketMode: true, logLevel: "error", clientOptions: { slackApiUrl: stub.api } });
  app.action("approve", async ({ ack, client, body }) => {
    await ack();
    await client.chat.update({ channel: alerts, ts: body.message.ts, text: "recovered", blocks: cards.doneCard() });
  });
  app.action("manual", async ({ ack, client, body }) => { await ack(); await client.views.open({ trigger_id: body.trigger_id, view: cards.modal() }); });
  app.action("more", async ({ ack, action, client, body }) => {
    await ack();
    await client.chat.postEphemeral({ channel: alerts, user: body.user.id, text: "You chose " + action.selected_option.value });
  });
  app.view("manual", async ({ ack, view, client }) => {
    const { value } = view.state.values.plan.text;
    if (value.length < 5) return ack({ response_action: "errors", errors: { plan: "Say a little more." } });
    await ack();
    await client.chat.postMessage({ channel: alerts, thread_ts: ts, text: "Taken over: " + cards.escape(value) });
  });
  app.command("/countersign", async ({ ack }) => { await ack({ text: "Two incidents are open." }); });
  await app.start();
  ({ ts } = await app.client.chat.postMessage({ channel: alerts, text: "checkout", blocks: cards.openCard() }));
  await app.client.chat.postMessage({ channel: alerts, thread_ts: ts, text: "log", blocks: cards.logCard() });
  browser = await chromium.launch({ executablePath, args: flags });
});
after(async () => {
  if (skip) return;
  await browser.close();
  await app.stop();
  await stub.stop();
  assert.deepEqual(errors, [], "errors in the browser");
});

async function signIn(user, viewport = desktop) {
  const context = await browser.newContext({ viewport, deviceScaleFactor: 2 });
  const page = await context.newPage();
  page.on("pageerror", e => errors.push(e.message));
  page.on("console", m => { if (m.type() === "error") errors.push(m.text()); });
  await page.goto(stub.page);
  await page.click(`[data-user=${user}]`);
  await page.waitForSelector("[data-composer=channel]");
  return page;
}

async function shot(page, name) {
  if (!process.env.SHOTS) return;
  mkdirSync(process.env.SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SHOTS, name + ".png") });
}

const message = `article[data-ts="@"]`;
const inMessage = (page, sel) => page.locator(`${message.replace("@", ts)} ${sel}`).first();

test("the card shows every block", { skip }, async () => {
  const page = await signIn(people.alice);
  for (const text of ["checkout cannot pull its image", "shop/checkout", "Image tag does not exist", "registry.shop.example/checkout:v2.4.0", "Approve Fix"])
    assert.ok(await page.getByText(text).first().isVisible(), text);
  assert.equal(await inMessage(page, ".btn.primary").getAttribute("data-action-id"), "approve");
  await shot(page, "card-desktop");
  await page.context().close();
  const small = await signIn(people.alice, phone);
  await inMessage(small, "h3").scrollIntoViewIfNeeded();
  assert.equal(await small.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "the page scrolls sideways on a phone");
  await shot(small, "card-phone");
  await small.context().close();
});

test("untrusted text is shown, and only what is live is red", { skip }, async () => {
  const page = await signIn(people.alice);
  await page.click(`[data-open-thread="${ts}"]`);
  const thread = page.locator("[data-part=thread]");
  await thread.getByText("panic: ``` <!channel>").first().waitFor();
  assert.equal(await thread.locator(".live").count(), 0, "escaped text came alive");
  await app.client.chat.postMessage({ channel: alerts, thread_ts: ts, text: cards.hostile });
  await thread.locator(".live").first().waitFor();
  assert.deepEqual(await thread.locator(".live").evaluateAll(l => l.map(e => e.dataset.live)), ["broadcast", "link"]);
  assert.equal(await thread.locator(".live").first().evaluate(e => getComputedStyle(e).color), "rgb(208, 0, 0)");
  assert.equal(await thread.locator("a[href*=evil]").count(), 0, "a link of the message can be pressed");
  await app.client.chat.postMessage({ channel: alerts, thread_ts: ts, text: "html",
    blocks: [{ type: "section", text: { type: "plain_text", text: "<img src=x onerror=alert(1)><b>as text</b>" } }] });
  await thread.getByText("<b>as text</b>").waitFor();
  assert.equal(await thread.locator("img").count(), 0);
  await shot(page, "thread-desktop");
  await page.context().close();
});

test("an ephemeral is for its reader only, and a menu works", { skip }, async () => {
  const alice = await signIn(people.alice), carol = await signIn(people.carol);
  await inMessage(alice, ".overflow summary").click();
  await inMessage(alice, "[data-option=evidence]").click();
  await alice.getByText("You chose evidence").waitFor();
  await carol.reload();
  assert.equal(await carol.getByText("You chose evidence").count(), 0);
  await alice.context().close();
  await carol.context().close();
});

test("a slash command is answered, and refused in a thread", { skip }, async () => {
  const page = await signIn(people.carol);
  await page.fill("[data-composer=channel] textarea", "/countersign status");
  await page.keyboard.press("Enter");
  await page.getByText("Two incidents are open.").waitFor();
  await page.goto(`${stub.page}c/${alerts}?thread=${ts}`);
  await page.fill("[data-composer=thread] textarea", "/countersign status");
  await page.keyboard.press("Enter");
  await page.getByText("do not work in threads").waitFor();
  await page.context().close();
});

test("a modal asks for what is missing, shows the app's error, and submits", { skip }, async () => {
  const page = await signIn(people.bob);
  await inMessage(page, "[data-action-id=manual]").click();
  const modal = page.locator(".modal.top");
  await modal.waitFor();
  await modal.locator("[data-act=submit]").click();
  await modal.getByText("Please complete this required field.").waitFor();
  await modal.locator("[data-input=text]").fill("hm");
  await modal.locator("[data-act=submit]").click();
  await modal.getByText("Say a little more.").waitFor();
  assert.equal(await modal.locator("[data-input=text]").inputValue(), "hm", "what was typed is gone");
  await modal.locator("[data-input=text]").fill("push the tag & watch");
  await modal.locator("[data-input=when]").selectOption("60");
  await shot(page, "modal-desktop");
  await modal.locator("[data-act=submit]").click();
  await modal.waitFor({ state: "detached" });
  await until(async () => (await stub.messages()).some(m => m.Text === "Taken over: push the tag &amp; watch"));
  await page.context().close();
});

test("the panel shows the wire and turns knobs", { skip }, async () => {
  const page = await signIn(people.alice);
  await page.click("[data-panel-toggle]");
  await page.getByText("apps.connections.open").first().waitFor();
  await page.click(".knobs summary");
  // The knob must have been turned before all of them are reset.
  await Promise.all([page.waitForResponse(r => r.url().includes("/_ctl/dup")), page.getByText("Deliver next click twice").click()]);
  await shot(page, "panel-desktop");
  await stub.ctl("reset");
  await page.context().close();
});

test("Approve asks first; no means nothing, yes changes the card and shows the ack", { skip }, async () => {
  const page = await signIn(people.alice);
  const presses = async () => (await stub.state()).envelopes.filter(e => e.What === "approve").length;
  await inMessage(page, "[data-action-id=approve]").click();
  await page.locator("#confirm[open]").waitFor();
  await shot(page, "confirm-desktop");
  await page.locator("#confirm button[value=no]").click();
  assert.equal(await presses(), 0);
  await inMessage(page, "[data-action-id=approve]").click();
  await page.locator("#confirm button[value=yes]").click();
  await page.getByText("checkout recovered").waitFor();
  await inMessage(page, "[data-ack=acked]").waitFor();
  assert.equal(await presses(), 1);
  assert.match(await inMessage(page, ".badges").innerText(), /alice: approve · ack [\d.]+ ms/);
  assert.equal(await inMessage(page, "[data-action-id=approve]").count(), 0, "the button is still there");
  await shot(page, "done-desktop");
  await page.context().close();
});
