package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The shapes of the JSON output are a contract: fields are added, never renamed.
type finding struct {
	Cause   incident.Cause `json:"cause"`
	Root    object         `json:"root"`
	Object  object         `json:"object"`
	Subject object         `json:"subject"`
	Summary redact.Text    `json:"summary"`
	sure
	Rule       string        `json:"rule,omitempty"`
	Ready      int           `json:"ready"`
	Desired    int           `json:"desired"`
	Since      time.Time     `json:"since,omitzero"`
	Settling   bool          `json:"settling"`
	Victims    []object      `json:"victims"` // further subjects that fail for the same cause
	ManagedBy  redact.Text   `json:"managedBy,omitzero"`
	Note       redact.Text   `json:"note,omitzero"`
	Hypotheses []hypothesis  `json:"hypotheses"`
	Evidence   []evidence    `json:"evidence"`
	Fixes      []fix         `json:"fixes"`
	RuledOut   []redact.Text `json:"ruledOut"`
	Steps      []redact.Text `json:"steps"`
	// Edit is a correction of a ConfigMap's text; a step, not a fix.
	Edit *incident.TextEdit `json:"edit,omitempty"`
	recent
}

// recent is how bad the fault is and what was changed before it.
type recent struct {
	Severity incident.Severity `json:"severity,omitempty"`
	Began    time.Time         `json:"began,omitzero"`
	Changed  redact.Text       `json:"changed,omitzero"`  // the last change before it, in a sentence
	Changes  []changed         `json:"changes,omitempty"` // the last one first
	NoFix    redact.Text       `json:"noFix,omitzero"`    // why fixes is empty
}

type changed struct {
	At       time.Time   `json:"at"`
	Object   object      `json:"object"`
	Change   redact.Text `json:"change"`
	By       redact.Text `json:"by,omitzero"`
	Evidence string      `json:"evidence,omitempty"` // an id
}

type object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

type hypothesis struct {
	Cause   incident.Cause `json:"cause"`
	Root    object         `json:"root"`
	Summary redact.Text    `json:"summary"`
	sure
	Evidence []string `json:"evidence"` // ids
}

// sure is how sure a claim is: always a number, which counts for something only
// where it was measured. Lower is its lower 90 % bound, Origin what it rests on.
type sure struct {
	Confidence float64     `json:"confidence"`
	Lower      float64     `json:"lower"`
	Measured   bool        `json:"measured"`
	Outcomes   int         `json:"outcomes"`
	Origin     redact.Text `json:"origin"`
}

type evidence struct {
	ID     string      `json:"id"`
	Kind   string      `json:"kind"`
	Object object      `json:"object"`
	Where  redact.Text `json:"where,omitzero"`
	Text   redact.Text `json:"text"`
	At     time.Time   `json:"at,omitzero"`
	Cited  bool        `json:"cited"`
}

type fix struct {
	Kind        action.Kind `json:"kind"`
	Target      object      `json:"target"`
	Change      redact.Text `json:"change"`
	Why         redact.Text `json:"why"`
	Given       redact.Text `json:"given,omitzero"` // what was looked at before it was offered
	Risk        string      `json:"risk"`
	Symptomatic bool        `json:"symptomatic"`
	Undo        redact.Text `json:"undo"`
}

// JSON writes an array with one element for each finding; an empty array where
// nothing is wrong.
func JSON(w io.Writer, findings []diagnose.Finding) error {
	out := make([]finding, 0, len(findings))
	for _, f := range findings {
		out = append(out, convert(f))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

func convert(f diagnose.Finding) finding {
	d := f.Diagnosis
	out := finding{
		Cause: d.Cause, Root: ref(d.Root), Object: ref(d.Object), Subject: ref(f.Subject), Summary: d.Summary,
		sure: sureOf(d.Confidence), Rule: d.Rule, Ready: d.Ready, Desired: d.Desired,
		Since: f.Since.UTC(), Settling: f.Settling, ManagedBy: d.Owner, Note: d.Note,
		Victims: []object{}, Hypotheses: []hypothesis{}, Evidence: []evidence{}, Fixes: []fix{},
		RuledOut: append([]redact.Text{}, d.RuledOut...), Steps: append([]redact.Text{}, d.Steps...), Edit: d.Edit,
		recent: recent{Severity: d.Severity, Began: d.Began.UTC(), Changed: d.Changed, NoFix: d.NoFix},
	}
	for _, c := range d.Changes {
		out.Changes = append(out.Changes, changed{At: c.At.UTC(), Object: ref(c.Object), Change: c.What, By: c.By, Evidence: c.Cite})
	}
	for _, h := range f.Hypotheses {
		out.Hypotheses = append(out.Hypotheses, hypothesis{
			Cause: h.Cause, Root: ref(h.Root), Summary: h.Summary, sure: sureOf(h.Confidence),
			Evidence: append([]string{}, h.Cites...),
		})
	}
	for _, v := range f.Victims {
		out.Victims = append(out.Victims, ref(v))
	}
	cited := map[string]bool{}
	for _, id := range d.Cites {
		cited[id] = true
	}
	for _, e := range f.Evidence {
		out.Evidence = append(out.Evidence, evidence{
			ID: e.ID, Kind: e.Kind, Object: ref(e.Source), Where: e.Where, Text: e.Text, At: e.At.UTC(), Cited: cited[e.ID],
		})
	}
	for _, c := range d.Candidates {
		out.Fixes = append(out.Fixes, fix{
			Kind: c.Action.Kind, Target: ref(c.Action.Target), Change: change(c.Action), Why: c.Why, Given: c.Given, Risk: risk(c.Action.Kind),
			Symptomatic: c.Symptomatic, Undo: undo(c.Action),
		})
	}
	return out
}

func ref(r action.Ref) object { return object{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name} }

func sureOf(c incident.Confidence) sure {
	return sure{Confidence: c.Value, Lower: c.Lower, Measured: c.Measured, Outcomes: c.Outcomes, Origin: c.Basis}
}

func risk(k action.Kind) string {
	entry, _ := action.Lookup(k)
	return entry.Risk.String()
}

// undo says how a change is taken back, or that it cannot be.
func undo(a action.Action) redact.Text {
	if inverse, ok := a.Inverse(); ok {
		return change(inverse)
	}
	if entry, _ := action.Lookup(a.Kind); entry.Irreversible != "" {
		return text(entry.Irreversible)
	}
	return redact.Literal("cannot be undone")
}

// change says in words what an action does. The API server lets the present
// image be any text, so that even parameters pass redaction.
func change(a action.Action) redact.Text {
	switch p := a.Params; {
	case p.SetImage != nil:
		return redact.Sprintf("set the image of container %s from %s to %s", text(p.SetImage.Container), text(p.SetImage.From), text(p.SetImage.To))
	case p.Rollback != nil:
		return redact.Sprintf("roll back from revision %s to revision %s", redact.Int(p.Rollback.FromRevision), redact.Int(p.Rollback.ToRevision))
	case p.SetResources != nil:
		from := text(p.SetResources.FromMemoryLimit)
		if from.IsEmpty() {
			from = redact.Literal("none")
		}
		return redact.Sprintf("set the memory limit of container %s from %s to %s", text(p.SetResources.Container), from, text(p.SetResources.ToMemoryLimit))
	case p.Restart != nil:
		return redact.Literal("restart every pod")
	case p.DeletePod != nil:
		return redact.Sprintf("delete pod %s", text(a.Target.Name))
	}
	return text(string(a.Kind))
}

// text makes a Text of a field of the API by the way that redacts.
func text(s string) redact.Text {
	var t redact.Text
	if err := t.UnmarshalText([]byte(s)); err != nil {
		return redact.Text{}
	}
	return t
}
