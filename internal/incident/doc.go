// Package incident is the state machine of one incident: what can happen to it,
// who may say so, what follows from it. It does no I/O.
//
// An incident is a stream of Events. Every event type belongs to one role
// (owners), carries the hash of its predecessor, and, where it is the gate's,
// a seal under the gate's key. Replay folds the stream into an Incident and
// sets aside what is forged or out of order; Apply is the fold's one step and
// refuses what the state does not allow. Due says which steps an incident needs
// next from a role at a time: at most one per lane, each with a key that names
// it for good, so that two processes that ask agree on the answer.
//
// The stream is the audit log. Nothing outside it is needed to rebuild an
// incident, and nothing that is not in it has happened.
package incident
