package action

import "time"

// The ConfigMaps in the roles' namespace by which people steer an installation.
// The gate, the executors, RBAC and the admission policies know them by these
// names, and no executor may write any of them.
const (
	// SwitchName holds the kill switch. Executors read it before they act.
	SwitchName = "countersign-switch"
	// PolicyName holds the policy and its settings; the gate follows it.
	PolicyName = "countersign-policy"
	// SignersName holds the keys of the second factor, under SignersKey.
	SignersName = "countersign-allowed-signers"
	// AnchorName holds the signed head of the audit log.
	AnchorName = "countersign-audit-anchor"
)

// SignersKey is the key of SignersName's data whose value is in OpenSSH's
// allowed_signers format (ParseAllowedSigners).
const SignersKey = "allowed_signers"

// ControlNames lists them all.
func ControlNames() []string { return []string{AnchorName, PolicyName, SignersName, SwitchName} }

// The labels of a namespace that bind executors, whatever an Order says.
const (
	// ProtectedLabel with the value true: nothing may be changed here.
	ProtectedLabel = "countersign.dev/protected"
	// SignatureLabel with the value true: an approval alone is not enough, an
	// approver must have signed the terms outside Slack.
	SignatureLabel = "countersign.dev/require-signature"
)

// Switch is the kill switch as SwitchName holds it. Who may write that ConfigMap
// writes By and Reason: foreign text, to be redacted before it is shown.
type Switch struct {
	Stopped    bool
	By, Reason string
	At         time.Time // whole seconds of UTC; zero where nobody said
}

// The keys of SwitchName's data, and the one state that lets executors act.
const (
	switchState  = "state"
	switchBy     = "by"
	switchAt     = "at"
	switchReason = "reason"
	switchRun    = "run"
	switchStop   = "stop"
)

// ReadSwitch reads the data of SwitchName. A ConfigMap that is absent or empty
// is one that nobody has used and lets executors act, as does the state "run".
// Every other state stops them: who mistypes it meant to stop something.
func ReadSwitch(data map[string]string) Switch {
	s := Switch{Stopped: len(data) > 0 && data[switchState] != switchRun, By: data[switchBy], Reason: data[switchReason]}
	// A zone can carry a year of four digits beyond what Data could write.
	if at, err := time.Parse(time.RFC3339, data[switchAt]); err == nil && at.UTC().Year() > 0 && at.UTC().Year() < 10000 {
		s.At = at.UTC().Truncate(time.Second)
	}
	return s
}

// Data is what ReadSwitch reads. It is never empty: a switch that was set back
// says by whom.
func (s Switch) Data() map[string]string {
	data := map[string]string{switchState: switchRun, switchBy: s.By, switchReason: s.Reason}
	if s.Stopped {
		data[switchState] = switchStop
	}
	if !s.At.IsZero() {
		data[switchAt] = s.At.UTC().Format(time.RFC3339)
	}
	return data
}
