// An app written with Bolt, Slack's own framework, lives one story on the
// stand-in: card, modal stack, command, mention, response_url.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import bolt from "@slack/bolt";
import { modal, openCard } from "./card.mjs";
import { alerts, people, start, until } from "./stub.mjs";

const plain = text => ({ type: "plain_text", text });
let stub, app, ts, seen;

const second = { type: "modal", callback_id: "second", notify_on_close: true, title: plain("Sure?"), submit: plain("Yes"), close: plain("Back"),
  blocks: [{ type: "actions", block_id: "more", elements: [{ type: "button", action_id: "explain", text: plain("Explain") }] }] };

before(async () => {
  stub = await start("-commands", "/countersign,/why");
  app = new bolt.App({ token: stub.bot_token, appToken: stub.app_token, socketMode: true, logLevel: "error", clientOptions: { slackApiUrl: stub.api } });
  app.action("approve", async ({ ack, respond, body }) => {
    await ack();
    seen.push(["approve", body.user.id]);
    await respond({ text: "Approved.", replace_original: false, response_type: "ephemeral" });
  });
  app.action("more", async ({ ack, action }) => { await ack(); seen.push(["more", action.selected_option.value]); });
  app.action("manual", async ({ ack, body, client }) => {
    await ack();
    await client.views.open({ trigger_id: body.trigger_id, view: modal() });
  });
  app.view("manual", async ({ ack, view }) => {
    const text = view.state.values.plan.text.value;
    seen.push(["manual", text, view.private_metadata, view.state.values.until.when.selected_option?.value]);
    if (text === "no") await ack({ response_action: "errors", errors: { plan: "Say what you will do." } });
    else if (text === "update") await ack({ response_action: "update", view: { ...modal(), title: plain("Updated") } });
    else if (text === "push") await ack({ response_action: "push", view: second });
    else await ack();
  });
  app.action("explain", async ({ ack, body, client }) => {
    await ack();
    await client.views.update({ view_id: body.view.id, hash: body.view.hash, view: { ...second, title: plain("Explained") } });
    const refused = await client.views.update({ view_id: body.view.id, hash: body.view.hash, view: second }).catch(e => e.data.error);
    seen.push(["second hash", refused]);
    await client.views.push({ trigger_id: body.trigger_id, view: { ...second, callback_id: "third" } });
  });
  app.view("second", async ({ ack }) => { await ack({ response_action: "clear" }); });
  app.view("third", async ({ ack }) => { await ack({ response_action: "clear" }); });
  app.view({ callback_id: "third", type: "view_closed" }, async ({ ack, body }) => { await ack(); seen.push(["closed", body.is_cleared]); });
  app.command("/countersign", async ({ ack, command }) => { await ack({ response_type: "in_channel", text: "heard " + command.text }); });
  app.command("/why", async ({ ack, respond }) => { await ack(); await respond("because"); });
  app.event("app_mention", async ({ event, say }) => { await say({ text: "Looking.", thread_ts: event.thread_ts ?? event.ts }); });
  await app.start();
});
after(async () => { await app.stop(); await stub.stop(); });
beforeEach(async () => {
  seen = [];
  ts = (await app.client.chat.postMessage({ channel: alerts, text: "card", blocks: openCard() })).ts;
});

const texts = async () => (await stub.messages()).map(m => m.Text);
const views = async () => (await stub.state()).views[people.alice] ?? [];
const act = (name, body) => stub.ctl(name, { user: people.alice, channel: alerts, ...body });
const top = async () => (await views()).at(-1);

test("a button is acknowledged, and response_url answers only the one who pressed", async () => {
  assert.equal((await act("click", { ts, action: "approve" })).ok, true);
  const m = await until(async () => (await stub.messages()).find(m => m.Text === "Approved."));
  assert.equal(m.EphemeralTo, people.alice);
  await act("click", { ts, action: "more", option: "mute" });
  assert.deepEqual(seen, [["approve", people.alice], ["more", "mute"]]);
});

test("a modal shows errors, is updated, and closes", async () => {
  await act("click", { ts, action: "manual" });
  const { ID } = await until(top, "the modal");
  const submit = text => act("submit", { view: ID, values: { text, when: "15" } });
  await submit("no");
  assert.equal((await top()).Errors.plan, "Say what you will do.");
  await submit("update");
  assert.equal((await top()).Title, "Updated");
  await submit("push the tag");
  assert.equal(await top(), undefined);
  assert.deepEqual(seen.at(-1), ["manual", "push the tag", "incident-7", "15"]);
});

test("modals stack to three, refuse an old hash, tell of closing, and clear at once", async () => {
  await act("click", { ts, action: "manual" });
  const first = await until(top, "the modal");
  await act("submit", { view: first.ID, values: { text: "push" } });
  const under = await top();
  assert.equal(under.CallbackID, "second");
  await act("clickView", { view: under.ID, action: "explain" });
  await until(async () => (await views()).length === 3, "three modals");
  assert.deepEqual(seen.at(-1), ["second hash", "hash_conflict"]);
  assert.equal((await views())[1].Title, "Explained");
  await act("closeView", { view: (await top()).ID });
  await until(() => seen.some(s => s[0] === "closed"));
  await act("submit", { view: (await top()).ID, values: {} });
  assert.deepEqual(await views(), []);
});

test("a command answers in its acknowledgement or later", async () => {
  await act("slash", { command: "/countersign", text: "status @bob" });
  await until(async () => (await texts()).includes(`heard status <@${people.bob}|bob>`));
  await act("slash", { command: "/why", text: "" });
  await until(async () => (await texts()).includes("because"));
});

test("a mention in a thread is answered in the thread", async () => {
  await act("mention", { thread: ts, text: "why" });
  const m = await until(async () => (await stub.messages()).findLast(m => m.Text === "Looking."));
  assert.equal(m.ThreadTS, ts);
});

test("an external person's click carries the foreign team", async () => {
  const shared = "C0000SHARE";
  const { ts } = await app.client.chat.postMessage({ channel: shared, text: "card", blocks: openCard() });
  await stub.ctl("click", { user: people.xena, channel: shared, ts, action: "approve" });
  const { frames } = await stub.state();
  const { payload } = JSON.parse(frames.findLast(f => f.Out && f.Body.includes("block_actions")).Body);
  assert.equal(payload.user.team_id, "T0000VEND");
  assert.equal(payload.team.id, "T0000ACME");
});
