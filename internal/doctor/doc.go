// Package doctor proves the fence: that the admission policies stand as this
// version installs them, that they refuse what they must, and that each account
// may do what it is for and nothing more.
//
// The Prover does it for the gate, without end and with the gate's own account:
// it watches the policies, tries what must be refused to the gate itself, and
// sends one probe Job for each executor account. Its Halt is a sentence while the
// proof is missing. Reading does the same for the watcher, which must be able to
// read and nothing else. Examine does it once for a person, with that person's rights,
// and looks at everything else that an installation needs: rights, Slack, Redis,
// keys, clock.
//
// A probe counts only if the refusal names a policy of ours: what RBAC or a
// webhook refuses says nothing about the policy. Nothing here changes anything;
// what is tried is always a dry run.
package doctor
