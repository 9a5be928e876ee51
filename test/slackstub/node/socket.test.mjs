// Slack's own Socket Mode client against the stand-in: greeting, delivery,
// acknowledgement, every reason to disconnect, every way to lose a link.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { SocketModeClient } from "@slack/socket-mode";
import { WebClient } from "@slack/web-api";
import { openCard } from "./card.mjs";
import { alerts, people, start, until } from "./stub.mjs";

let stub, web, clients = [];
before(async () => {
  stub = await start();
  web = new WebClient(stub.bot_token, { slackApiUrl: stub.api });
});
after(() => stub.stop());
afterEach(async () => {
  await Promise.all(clients.map(c => c.disconnect().catch(() => {})));
  clients = [];
  await until(async () => (await stub.state()).connections.length === 0, "all connections gone");
});

/** A connected client that acknowledges everything and remembers it. */
async function connect(answer = {}) {
  const c = new SocketModeClient({ appToken: stub.app_token, logLevel: "error", clientPingTimeout: 2000, clientOptions: { slackApiUrl: stub.api } });
  c.got = [];
  c.on("slack_event", async e => { c.got.push(e); await e.ack(answer[e.type]); });
  clients.push(c);
  await c.start();
  return c;
}

const card = async () => (await web.chat.postMessage({ channel: alerts, text: "card", blocks: openCard() })).ts;
const click = (ts, more = {}) => stub.ctl("click", { user: people.alice, channel: alerts, ts, action: "approve", ...more });

test("a click, a command and a mention arrive and are acknowledged", async () => {
  const c = await connect({ slash_commands: { text: "done" } });
  const ts = await card();
  const pressed = await click(ts);
  assert.equal(pressed.ok, true, pressed.error);
  assert.ok(pressed.result.Latency < 1e9);
  const cmd = await stub.ctl("slash", { user: people.carol, channel: alerts, command: "/countersign", text: "status" });
  assert.deepEqual(cmd.result.AckPayload, { text: "done" });
  await stub.ctl("mention", { user: people.bob, channel: alerts, thread: ts, text: "why" });
  await until(() => c.got.length === 3, "three envelopes");
  const [action, command, mention] = c.got;
  assert.equal(action.type, "interactive");
  assert.equal(action.body.actions[0].value, "prop-1");
  assert.equal(action.body.message.ts, ts);
  assert.equal(action.accepts_response_payload, false);
  assert.equal(command.body.command, "/countersign");
  assert.equal(mention.body.event.thread_ts, ts);
  assert.equal(mention.retry_num, 0);
});

for (const reason of ["warning", "refresh_requested", "too_many_websockets"]) {
  test(`the client comes back after disconnect: ${reason}`, async () => {
    await connect();
    const [old] = (await stub.state()).connections;
    await stub.ctl("disconnect", { reason });
    await until(async () => { const ids = (await stub.state()).connections; return ids.length === 1 && ids[0] > old; }, "a new connection");
    const ts = await card();
    await until(async () => (await click(ts)).ok, "a click after the reconnect");
  });
}

for (const mode of ["rst", "fin", "close"]) {
  test(`the client comes back after a lost link: ${mode}`, async () => {
    await connect();
    const [old] = (await stub.state()).connections;
    await stub.ctl("drop", { mode });
    await until(async () => { const ids = (await stub.state()).connections; return ids.length === 1 && ids[0] > old; }, "a new connection");
  });
}

test("a ghost is noticed by the client's own pings and replaced", async () => {
  await connect();
  const [ghost] = (await stub.state()).connections;
  await stub.ctl("drop", { mode: "ghost" });
  await until(async () => (await stub.state()).connections.length === 2, "a second connection beside the ghost");
  const frames = (await stub.state()).frames;
  assert.match(frames.findLast(f => f.Out && f.Kind === "text" && f.Body.includes("hello")).Body, /"num_connections":2/);
  await stub.ctl("drop", { mode: "ghost", conn: ghost });
});

test("broken frames do not stop the client", async () => {
  const c = await connect();
  const ts = await card();
  for (const kind of ["bad_json", "empty", "unknown_type", "huge_frame", "binary"]) {
    await stub.ctl("malformed", { kind });
    await until(async () => (await click(ts)).ok, "a click after " + kind);
  }
  for (const kind of ["team_null", "no_is_enterprise_install", "unknown_block"]) {
    await stub.ctl("malformed", { kind });
    const had = c.got.length;
    await click(ts);
    await until(() => c.got.length > had, kind);
  }
  assert.equal(c.got.at(-3).body.team, null);
  assert.equal("is_enterprise_install" in c.got.at(-2).body, false);
  assert.equal(c.got.at(-1).body.message.blocks.at(-1).type, "block_of_tomorrow");
});

test("a duplicate has the same action_ts, with the same or a new envelope", async () => {
  const c = await connect();
  const ts = await card();
  for (const sameEnvelope of [true, false]) {
    c.got.length = 0;
    await stub.ctl("dup", { type: "interactive", times: 1, sameEnvelope });
    await click(ts);
    await until(() => c.got.length === 2, "two deliveries");
    const [a, b] = c.got;
    assert.equal(a.body.actions[0].action_ts, b.body.actions[0].action_ts);
    assert.equal(a.envelope_id === b.envelope_id, sameEnvelope);
  }
});

test("an event that is not acknowledged comes again with the same event_id", async () => {
  const c = await connect();
  await stub.ctl("ackLost", { type: "events_api", n: 1 });
  await stub.ctl("mention", { user: people.bob, channel: alerts, text: "why", waitMS: -1 });
  await until(() => c.got.length === 2, "the retry");
  const [first, again] = c.got;
  assert.equal(again.retry_num, 1);
  assert.equal(again.retry_reason, "timeout");
  assert.equal(first.body.event_id, again.body.event_id);
  assert.notEqual(first.envelope_id, again.envelope_id);
});

test("the link is refused for a ticket that was used", async () => {
  await stub.ctl("allow", { names: ["link.ticket"] });
  const { url } = await new WebClient(stub.app_token, { slackApiUrl: stub.api }).apps.connections.open();
  const first = new Link(url);
  await first.opened;
  await assert.rejects(new Link(url).opened);
  first.close();
});

// Node 20 has no WebSocket of its own; undici brings one.
const { WebSocket } = await import("undici");
class Link {
  constructor(url) {
    this.ws = new WebSocket(url);
    this.opened = new Promise((done, fail) => { this.ws.onopen = done; this.ws.onerror = () => fail(new Error("refused")); });
  }
  close() { this.ws.close(); }
}
