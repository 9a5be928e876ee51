// Package chat is Slack, in and out: it posts and updates the cards of
// incidents, hands out the presses and commands that arrive over Socket Mode,
// and asks Slack who a person is. It decides nothing: whether a press counts is
// the gate's question, and a press that the gate has not written down is never
// acknowledged, so that Slack shows its author an error.
//
// # What a card may contain
//
// Every text on a card is a redact.Text, bounded by runes, and stands in plain
// text or rich text elements, which have no markup to inject into; there is no
// mrkdwn object on a card. The approval block is rendered from the terms, the
// executor's diff and policy's answer alone. Text of a model or a log never
// reaches it. A button carries the incident's id and the digest, nothing else.
//
// # How a press is known to be genuine
//
// Whoever steals the bot token can edit a card in place and leave our buttons
// under other words. The block_id of the buttons is therefore a MAC (HMAC-SHA256
// under Config.Key) over the workspace, the channel and the normal form of all
// blocks that were posted: the approval block and the buttons word by word, the
// rest by its letters and digits, because Slack rewrites emoji and white space.
// A press brings the blocks that its author saw; it is genuine if their normal
// form gives the MAC that stands in the block_id. Nothing is kept in memory for
// this, so that a restart changes nothing. The MAC cannot say which message is
// the card: a copy of a whole card in the same channel has the same MAC, and the
// gate compares the message's ts with the one that it wrote down.
//
// A form is sealed in the same way, in its metadata: for whom it was opened,
// for which offer and card, and every word that it shows. It counts only if that
// person sends it off.
//
// # Who else may be listening
//
// A stolen app token opens a socket beside ours and swallows presses; a stolen
// bot token forges cards. Neither makes a press count, and both leave traces
// (Rogue): connections that Slack counts and this process did not open, events
// that arrive only when they are sent again, buttons of ours under other words.
//
// # What Slack does not promise
//
// chat.postMessage takes no idempotency key, and reading the channel's history
// would need a scope that Countersign does not ask for: after a lost answer a
// second copy may be posted. The error says so (ErrMaybePosted), and the older
// copy is deleted once a press on it makes it known. Ephemeral messages may get
// lost. Presses come at least never and at most often; Clicked.Click names a
// press so that copies of it are one.
package chat
