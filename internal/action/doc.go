// Package action is the catalogue of changes that Countersign can make, and the
// bytes that people approve.
//
// An Action is typed: a kind, one target with its UID, and the parameters of
// that kind. Terms are what a person countersigns: the action, the policy under
// which it was offered and the time until which the offer stands; their Digest
// is what a button carries, what a vote names and what the executor recomputes.
// An Order is the gate's signed, expiring instruction to run one action once; it
// may carry approvers' own SSH signatures over the Terms, which the gate cannot
// make. The ConfigMaps by which people steer an installation have their names
// here, and the kill switch and the allowed signers their meaning.
//
// The package does no I/O. It knows no Slack, no policy and no incident; it says
// what a change is, which RBAC rules it needs, which bytes stand for it and how
// it is taken back.
package action
