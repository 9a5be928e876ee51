// Package slackstub is a stand-in for Slack that speaks Slack's own wire
// protocols: the Web API over HTTP and Socket Mode over WebSocket. It keeps
// channels, threads, ephemeral messages, views and files in memory, enforces
// the documented limits, rate limits and error shapes, lets a test act as a
// seeded person (click, submit, slash command, mention), and breaks on demand.
//
// All JSON on the wire is written by hand: the package uses no types of any
// Slack client library, because a shared mistake would hide from every test.
//
// It is strict. A method, argument, block field or client frame that it does
// not know, and an acknowledgement that is late, repeated or unknown, is
// recorded; Close reports what was recorded unless it was allowed by name.
//
// It does not prove what only Slack can prove: its private block validation,
// its real ping interval, how it redelivers interactions, Slack Connect, and
// how a phone renders a message.
package slackstub
