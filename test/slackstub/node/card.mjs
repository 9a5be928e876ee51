// Cards as a countersigning bot posts them, for tests and pictures.
const plain = text => ({ type: "plain_text", text, emoji: true });
const mrkdwn = text => ({ type: "mrkdwn", text, verbatim: true });
const t = (text, style) => ({ type: "text", text, ...(style ? { style } : {}) });

export const diff = `   spec:
     containers:
     - name: checkout
-      image: registry.shop.example/checkout:v2.4.1
+      image: registry.shop.example/checkout:v2.4.0`;

export function openCard() {
  return [
    { type: "header", text: plain("🔴 checkout cannot pull its image") },
    { type: "section", text: mrkdwn("*Deployment* `shop/checkout`\nThe tag `v2.4.1` does not exist in the registry; 2 of 2 new pods wait."),
      accessory: { type: "overflow", action_id: "more", options: [
        { text: plain("Show evidence"), value: "evidence" }, { text: plain("Mute for an hour"), value: "mute" }] } },
    { type: "section", fields: [mrkdwn("*Cause*\nImage tag does not exist"), mrkdwn("*How sure*\n98 %, found by rule"),
      mrkdwn("*Will change*\n1 Deployment, 1 field"), mrkdwn("*Undo*\nYes, offered after the fix")] },
    { type: "rich_text", elements: [
      { type: "rich_text_section", elements: [t("Set the image back to the last one that ran", { bold: true })] },
      { type: "rich_text_preformatted", elements: [t(diff)] }] },
    { type: "actions", block_id: "gate", elements: [
      { type: "button", action_id: "approve", style: "primary", value: "prop-1", text: plain("Approve Fix"),
        confirm: { title: plain("Run this change?"), text: mrkdwn("Sets the image of `shop/checkout` to `v2.4.0`. A Job with its own ServiceAccount does it once."),
          confirm: plain("Approve"), deny: plain("Not now") } },
      { type: "button", action_id: "manual", value: "prop-1", text: plain("I'll do it manually") }] },
    { type: "context", elements: [mrkdwn("🔒 May approve: on-call approvers · needs 1 of 1 · expires 15:04 · digest `9f3c1a77e0b2`")] },
  ];
}

export function doneCard() {
  return [
    { type: "header", text: plain("🟢 checkout recovered") },
    { type: "section", text: mrkdwn("*Deployment* `shop/checkout`\nThe image is `v2.4.0` again; 2 of 2 pods are ready for 60 s.") },
    { type: "section", fields: [mrkdwn("*Approved by*\nAlice Moreau, 14:51"), mrkdwn("*Took*\n74 s from click to recovered")] },
    { type: "actions", block_id: "after", elements: [
      { type: "button", action_id: "undo", style: "danger", value: "prop-1", text: plain("Undo") },
      { type: "static_select", action_id: "useful", placeholder: plain("Was this useful?"), options: [
        { text: plain("Yes"), value: "yes" }, { text: plain("No"), value: "no" }] }] },
    { type: "context", elements: [mrkdwn("Job `cs-a-6f1d-9f3c1a77e0b2` · audit entry 118")] },
  ];
}

/** Untrusted text that must not come alive, and the same text where it does. */
export const hostile = "panic: ``` <!channel> <https://evil.example|Approve> & @here";
export const escape = s => s.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

export function logCard() {
  return [
    { type: "rich_text", elements: [
      { type: "rich_text_section", elements: [t("Last lines of "), t("payments-7d9c", { code: true }), t(", for "), { type: "user", user_id: "U0000ALICE" }] },
      { type: "rich_text_preformatted", elements: [t("08:14:02 connecting to db\n" + hostile)] },
      { type: "rich_text_quote", elements: [t("The pod leaves with code 1 right after the line above.")] },
      { type: "rich_text_list", style: "bullet", elements: [
        { type: "rich_text_section", elements: [t("the Secret "), t("payments-db", { code: true }), t(" has no key "), t("password", { code: true })] },
        { type: "rich_text_section", elements: [t("the Deployment asks for it since revision 7")] }] }] },
    { type: "section", block_id: "safe", text: mrkdwn("Escaped: " + escape(hostile)) },
  ];
}

export function modal() {
  return {
    type: "modal", callback_id: "manual", private_metadata: "incident-7", title: plain("I'll do it manually"), submit: plain("Take it"), close: plain("Cancel"),
    blocks: [
      { type: "section", text: mrkdwn("The buttons leave the card, and the incident is yours until it clears.") },
      { type: "input", block_id: "plan", label: plain("What will you do?"), hint: plain("Goes into the thread and the audit log."),
        element: { type: "plain_text_input", action_id: "text", multiline: true, max_length: 500, placeholder: plain("Push the tag again") } },
      { type: "input", block_id: "until", optional: true, label: plain("Remind the thread"), element: { type: "static_select", action_id: "when",
        placeholder: plain("Never"), options: [{ text: plain("in 15 minutes"), value: "15" }, { text: plain("in an hour"), value: "60" }] } },
      { type: "input", block_id: "why", optional: true, label: plain("Why not the fix?"), element: { type: "radio_buttons", action_id: "reason", options: [
        { text: plain("Wrong cause"), value: "cause" }, { text: plain("Right cause, other remedy"), value: "remedy" }] } }],
  };
}
