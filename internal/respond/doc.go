// Package respond is the incident loop: it takes an event, appends it, asks
// incident.Due what follows for its role, and runs that.
//
// One Responder serves one role. It keeps a queue of (incident, lane) keys: a
// key is worked on by one goroutine at a time, so that an incident has at most
// one step per lane, and different incidents do not wait for each other. A step
// reads the incident from the store, does its effect, and appends what came of
// it under compare-and-swap on the version; a lost race is read and decided
// again, and an effect that two processes may repeat carries a key or a name
// that makes the repetition harmless (a Job's name, a Slack message's slot).
//
// An error of an effect appends nothing: the key comes back with a growing
// delay, and the incident stays what its events say. The package does no
// waiting inside a step beyond the effect's own request.
package respond
