package incident

import (
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Symptom is what a watcher can see without knowing why.
type Symptom string

// The symptoms. Each is a state that stands, not an event that passes.
const (
	SymptomImagePull     Symptom = "image-pull"
	SymptomConfigError   Symptom = "config-error"
	SymptomCrashLoop     Symptom = "crash-loop"
	SymptomOOMKilled     Symptom = "oom-killed"
	SymptomProbeFailing  Symptom = "probe-failing"
	SymptomUnschedulable Symptom = "unschedulable"
	SymptomStartFailure  Symptom = "start-failure"
	SymptomPending       Symptom = "pending"
	SymptomEvicted       Symptom = "evicted"
	SymptomJobFailed     Symptom = "job-failed"
	SymptomRolloutStuck  Symptom = "rollout-stuck"
	SymptomNodeNotReady  Symptom = "node-not-ready"

	SymptomServiceBroken   Symptom = "service-broken"
	SymptomIngressBroken   Symptom = "ingress-broken"
	SymptomScalingStuck    Symptom = "scaling-stuck"
	SymptomEvictionBlocked Symptom = "eviction-blocked"
	SymptomDeletionStuck   Symptom = "deletion-stuck"
	SymptomSuspended       Symptom = "suspended"
)

// Signal is one symptom on one object. Subject is the workload that owns the
// object (or the object itself where nothing owns it): what people call "it".
type Signal struct {
	Symptom Symptom     `json:"symptom"`
	Object  action.Ref  `json:"object"`
	Subject action.Ref  `json:"subject"`
	Message redact.Text `json:"message"`
	// Since is when the symptom began, by the cluster's own record.
	Since time.Time `json:"since"`
}

// Evidence is one thing that was seen, redacted, with an id that claims cite.
// Ids are "e1", "e2", … within one collection.
type Evidence struct {
	ID     string      `json:"id"`
	Kind   string      `json:"kind"` // status, event, log, spec, absence, metric, change
	Source action.Ref  `json:"source"`
	Where  redact.Text `json:"where,omitempty"` // container, field or reason
	Text   redact.Text `json:"text"`
	At     time.Time   `json:"at,omitzero"`
}

// Confidence is how sure a claim is and how that is known. Value and Lower are
// between 0 and 1; Lower is the lower bound of the 90 % interval and the figure
// that policy compares with its floor. Measured is false where no outcomes back
// the figure; then Value says nothing and is not shown as a percentage. Outcomes
// is how many back it.
type Confidence struct {
	Value    float64     `json:"value"`
	Lower    float64     `json:"lower"`
	Measured bool        `json:"measured"`
	Outcomes int         `json:"outcomes,omitempty"`
	Basis    redact.Text `json:"basis"`
}

// EnoughOutcomes is how many outcomes people are shown a percentage for, and how
// many a model's figure needs to count at all.
const EnoughOutcomes = 30

// Candidate is an action that deterministic code offers for a cause.
type Candidate struct {
	Action action.Action `json:"action"`
	// Why is one sentence: what the change does about the cause.
	Why redact.Text `json:"why"`
	// Given is what was looked at before this was offered.
	Given redact.Text `json:"given,omitzero"`
	// Symptomatic marks a change that hides the cause without removing it.
	Symptomatic bool `json:"symptomatic,omitempty"`
}

// Diagnosis is what the rules can prove. Root is the object that has to change
// or whose absence is the fault; Object shows the symptom.
type Diagnosis struct {
	Cause  Cause      `json:"cause"`
	Root   action.Ref `json:"root"`
	Object action.Ref `json:"object"`
	// Thing is what others that fail for this cause share with the subject where
	// Root does not say it: a registry.
	Thing      redact.Text   `json:"thing,omitempty"`
	Rule       string        `json:"rule"`
	Summary    redact.Text   `json:"summary"`
	Confidence Confidence    `json:"confidence"`
	Cites      []string      `json:"cites"`
	RuledOut   []redact.Text `json:"ruledOut,omitempty"`
	Candidates []Candidate   `json:"candidates,omitempty"`
	Steps      []redact.Text `json:"steps,omitempty"`
	// Edit corrects a ConfigMap's text, for people; no action makes it.
	Edit *TextEdit `json:"edit,omitempty"`
	// Owner says who else manages the subject ("Argo CD application shop"),
	// in which case there are steps and no button.
	Owner redact.Text `json:"owner,omitempty"`
	// Note is a sentence the card adds, such as that a Helm upgrade will undo
	// the fix.
	Note redact.Text `json:"note,omitempty"`

	Severity Severity `json:"severity,omitempty"`
	// NoFix says why there is no candidate where there is none.
	NoFix redact.Text `json:"noFix,omitzero"`
	// Changed tells the last change before the fault that may have brought it, and
	// how long before; empty where none is known. Changes are all of them, the
	// last first.
	Changed redact.Text `json:"changed,omitzero"`
	Changes []Change    `json:"changes,omitempty"`
	// Began is when the fault began, by the cluster's own record; rather too early
	// than too late.
	Began time.Time `json:"began,omitzero"`
	// Ready and Desired count the subject's replicas.
	Ready   int `json:"ready"`
	Desired int `json:"desired"`
}

// Severity is how bad a fault is for those who use the workload.
type Severity string

// The severities. The zero value is unknown, as of findings of older releases.
const (
	Critical Severity = "critical" // nobody serves, or a node is lost
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Change is something that somebody changed before a fault began and that may
// have brought it.
type Change struct {
	At     time.Time  `json:"at"`
	Object action.Ref `json:"object"`
	// What is said in words, without values of variables.
	What redact.Text `json:"what"`
	// By is the field manager that the API server recorded; empty where it
	// recorded none for this change.
	By   redact.Text `json:"by,omitzero"`
	Cite string      `json:"cite,omitempty"` // an evidence id
}

// Proven reports whether a rule decided the cause, so that no model is needed.
func (d Diagnosis) Proven() bool { return d.Cause != "" && d.Cause != Unknown }

// Hypothesis is a ranked cause, by a rule or by a model.
type Hypothesis struct {
	Cause      Cause       `json:"cause"`
	Root       action.Ref  `json:"root"`
	Summary    redact.Text `json:"summary"`
	Confidence Confidence  `json:"confidence"`
	Cites      []string    `json:"cites"`
	// Novel marks a cause outside the vocabulary: Cause is then unknown, the
	// summary names it, and no candidate comes with it.
	Novel bool `json:"novel,omitempty"`
	// Candidate is an index into Diagnosis.Candidates, or -1.
	Candidate int           `json:"candidate"`
	Steps     []redact.Text `json:"steps,omitempty"`
	// What a later calibration of a model's confidence may use: its own word,
	// and how many answers to the same question put this cause first.
	SelfReport float64 `json:"selfReport,omitempty"`
	Samples    int     `json:"samples,omitempty"`
	Agreeing   int     `json:"agreeing,omitempty"`
}

// Identity is what Slack says of a person at the moment of use. The zero value
// is nobody and may do nothing.
type Identity struct {
	Person Person `json:"person"`
	// Member is true for a full, active, human member of the workspace that
	// installed Countersign. Why says what else the person is.
	Member bool        `json:"member"`
	Why    redact.Text `json:"why,omitempty"`
	Groups []string    `json:"groups,omitempty"` // of the user groups that settings name
}
