// Package remediate is the executor's side of an Order: what the ephemeral Job
// runs, once, for one object.
//
// Run verifies the Order against the API server's clock, asks the kill switch,
// reads the live object and what surrounds it, refuses what is not that object in
// that state, and asks for an approver's signature outside Slack where the
// namespace does. It proves with a dry run that the admission policy for its own
// account binds, and sends one guarded request: a JSON Patch whose test operations
// hold the UID and every bound subtree, or a DELETE with a UID precondition. A
// rehearsal sends the same request as a dry run. What it saw and did goes back as
// a Result of at most 4,096 bytes, the pod's termination message.
//
// The package decides nothing that policy or people decide, knows no incident
// and no Slack, never retries a write, and has no switch that skips a check.
package remediate
