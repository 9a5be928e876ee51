// Slack's own Web API client against the stand-in: every method once, and the
// errors and limits as that client understands them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ErrorCode, WebClient } from "@slack/web-api";
import { openCard, modal, doneCard } from "./card.mjs";
import { alerts, people, start, until } from "./stub.mjs";

const everything = "chat:write,commands,users:read,users:read.email,usergroups:read,app_mentions:read,channels:read,groups:read,im:write,im:read,files:write,channels:history,groups:history,im:history,reactions:write";
let stub, web;

before(async () => {
  stub = await start("-scopes", everything);
  web = new WebClient(stub.bot_token, { slackApiUrl: stub.api, retryConfig: { retries: 0 }, logLevel: "error" });
});
after(() => stub.stop());

/** Runs f and returns Slack's error code. */
async function code(f) {
  try { await f(); } catch (e) { return e.data?.error ?? e.code ?? e.message; }
  return undefined;
}

test("every method of the stand-in answers Slack's client", async () => {
  const me = await web.auth.test();
  assert.equal(me.user_id, people.bot);
  assert.ok(me.response_metadata.scopes.includes("chat:write"), "X-OAuth-Scopes reaches the client");

  const post = await web.chat.postMessage({ channel: alerts, text: "checkout", blocks: openCard(), unfurl_links: false, unfurl_media: false });
  assert.match(post.ts, /^\d{10}\.\d{6}$/);
  assert.equal(post.message.blocks.length, openCard().length);
  assert.ok(post.message.blocks.every(b => b.block_id), "missing block ids are filled in");
  const reply = await web.chat.postMessage({ channel: alerts, thread_ts: post.ts, text: "a detail", metadata: { event_type: "incident", event_payload: { id: "7" } } });
  assert.ok(reply.ts > post.ts);
  await web.chat.postEphemeral({ channel: alerts, user: people.carol, text: "only you" });
  await web.chat.update({ channel: alerts, ts: post.ts, text: "recovered", blocks: doneCard() });
  assert.match((await web.chat.getPermalink({ channel: alerts, message_ts: reply.ts })).permalink, /archives/);
  await web.reactions.add({ channel: alerts, timestamp: post.ts, name: "eyes" });
  const replies = await web.conversations.replies({ channel: alerts, ts: post.ts });
  assert.deepEqual(replies.messages.map(m => m.text), ["recovered", "a detail"]);
  const history = await web.conversations.history({ channel: alerts, limit: 10 });
  assert.equal(history.messages[0].reply_count, 1);
  await web.chat.delete({ channel: alerts, ts: reply.ts });

  assert.equal((await web.conversations.info({ channel: "C0000SHARE" })).channel.is_ext_shared, true);
  assert.ok((await web.conversations.list({ types: "public_channel,private_channel" })).channels.length >= 4);
  assert.ok((await web.conversations.members({ channel: alerts })).members.includes(people.alice));
  const dm = await web.conversations.open({ users: people.alice });
  assert.match(dm.channel.id, /^D/);
  assert.equal((await web.users.info({ user: people.alice })).user.team_id, "T0000ACME");
  const all = [];
  for await (const page of web.paginate("users.list", { limit: 3 })) all.push(...page.members.map(m => m.id));
  assert.ok(all.includes(people.bob) && !all.includes(people.xena));
  assert.equal((await web.users.lookupByEmail({ email: "bob@acme.example" })).user.id, people.bob);
  assert.equal((await web.usergroups.list({ include_users: true })).usergroups[0].users.length, 2);
  assert.deepEqual((await web.usergroups.users.list({ usergroup: "S0000ONCALL" })).users, [people.alice, people.bob]);
  const home = await web.views.publish({ user_id: people.alice, view: { type: "home", blocks: doneCard() } });
  assert.equal(home.view.type, "home");
  const up = await web.filesUploadV2({ channel_id: alerts, thread_ts: post.ts, filename: "pod.log", file: Buffer.from("panic: boom\n"), title: "pod log" });
  assert.equal(up.ok, true);

  // A trigger comes from a person only, so these three are refused here; the
  // Bolt test opens, pushes and updates.
  assert.equal(await code(() => web.views.open({ trigger_id: "1.2.3", view: modal() })), "invalid_trigger_id");
  assert.equal(await code(() => web.views.push({ trigger_id: "1.2.3", view: modal() })), "invalid_trigger_id");
  assert.equal(await code(() => web.views.update({ view_id: "V404", view: modal() })), "not_found");
});

test("errors come in the shapes that the client knows", async () => {
  const post = blocks => web.chat.postMessage({ channel: alerts, text: "x", blocks });
  await stub.ctl("allow", { names: ["blocks.invalid"] });
  const failed = await post([{ type: "section", text: { type: "mrkdwn", text: "x".repeat(3001) } }]).catch(e => e);
  assert.equal(failed.data.error, "invalid_blocks");
  assert.match(failed.data.errors[0], /json-pointer:\/blocks\/0\/text/);
  assert.ok(failed.data.response_metadata.messages[0].startsWith("[ERROR]"));
  assert.equal(await code(() => web.chat.postMessage({ channel: "C00GENERAL", text: "x" })), "not_in_channel");
  assert.equal(await code(() => web.chat.postMessage({ channel: "C404", text: "x" })), "channel_not_found");
  assert.equal(await code(() => new WebClient("xo" + "xb-nobody", { slackApiUrl: stub.api, logLevel: "error" }).auth.test()), "invalid_auth");
  assert.equal(await code(() => new WebClient(stub.app_token, { slackApiUrl: stub.api, logLevel: "error" }).auth.test()), "not_allowed_token_type");
  assert.equal(await code(() => new WebClient(stub.bot_token, { slackApiUrl: stub.api, logLevel: "error" }).apps.connections.open()), "not_allowed_token_type");
});

test("429 carries Retry-After, and the client waits for it", async () => {
  await stub.ctl("ratelimit", { method: "auth.test", n: 1, retryAfter: 2 });
  const impatient = new WebClient(stub.bot_token, { slackApiUrl: stub.api, rejectRateLimitedCalls: true, logLevel: "error" });
  const e = await impatient.auth.test().catch(e => e);
  assert.equal(e.code, ErrorCode.RateLimitedError);
  assert.equal(e.retryAfter, 2);
  await stub.ctl("ratelimit", { method: "auth.test", n: 1, retryAfter: 1 });
  const patient = new WebClient(stub.bot_token, { slackApiUrl: stub.api, logLevel: "error" });
  const begun = Date.now();
  await patient.auth.test();
  assert.ok(Date.now() - begun >= 950, "the client did not wait");
});

test("HTTP faults reach the client as faults", async () => {
  const count = async () => (await stub.messages()).length;
  const post = () => web.chat.postMessage({ channel: alerts, text: "x" });
  for (const [body, applied] of [
    [{ mode: "status", status: 500, body: "<html>" }, 0], [{ mode: "reset" }, 0], [{ mode: "lost" }, 1], [{ mode: "truncate" }, 1]]) {
    const was = await count();
    await stub.ctl("http", { method: "chat.postMessage", ...body });
    assert.ok(await code(post), `${body.mode} went unnoticed`);
    assert.equal(await count() - was, applied, `${body.mode}: messages written`);
  }
  const { knobs } = await stub.state();
  assert.equal(knobs["http.lost"], 1);
});

test("the call log has every call with its own time", async () => {
  const { calls } = await until(() => stub.state());
  assert.ok(calls.every(c => c.Took >= 0 && !JSON.stringify(c.Args).includes(stub.bot_token)));
});
