package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/sizing"
)

// The shapes are a contract: fields are added, never renamed.
type sized struct {
	Findings   []sizingFinding `json:"findings"`
	Containers []usedBy        `json:"containers"`
	Namespaces []couldSave     `json:"namespaces"`
	Unsampled  int             `json:"podsWithoutSamples"`
	NotJudged  []redact.Text   `json:"notJudged"`
}

type sizingFinding struct {
	Code        sizing.Code   `json:"code"`
	Danger      string        `json:"danger"` // critical, warning, info
	Object      object        `json:"object"`
	Workload    *object       `json:"workload"` // null for a volume claim
	Container   string        `json:"container,omitempty"`
	Summary     redact.Text   `json:"summary"`
	Samples     int           `json:"samples"`
	SpanSeconds float64       `json:"spanSeconds"`
	Saving      sizing.Saving `json:"saving"`
	Cost        *float64      `json:"costAMonth"` // null without prices
	Proposal    *fix          `json:"proposal"`   // null: advice only
	NoProposal  redact.Text   `json:"noProposal,omitzero"`
	Advice      []redact.Text `json:"advice"`
	Note        redact.Text   `json:"note,omitzero"`
}

type usedBy struct {
	Workload    object         `json:"workload"`
	Container   string         `json:"container"`
	Pods        int            `json:"pods"`
	Sampled     int            `json:"podsWithSamples"`
	Samples     int            `json:"samples"`
	SpanSeconds float64        `json:"spanSeconds"`
	CPU         sizing.Figures `json:"cpuMilli"`    // used: the 95th percentile
	Memory      sizing.Figures `json:"memoryBytes"` // used: the most of any pod
}

type couldSave struct {
	Namespace string        `json:"namespace"`
	Saving    sizing.Saving `json:"saving"`
	Cost      *float64      `json:"costAMonth"`
}

// SizingJSON writes a report for programs.
func SizingJSON(w io.Writer, r sizing.Report, prices Prices) error {
	out := sized{
		Findings: []sizingFinding{}, Containers: []usedBy{}, Namespaces: []couldSave{},
		Unsampled: r.Unsampled, NotJudged: append([]redact.Text{}, r.Blind...),
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, sizingOf(f, prices))
	}
	for _, u := range r.Uses {
		out.Containers = append(out.Containers, usedBy{
			Workload: ref(u.Workload), Container: redact.Name(u.Container).String(), Pods: u.Pods, Sampled: u.Sampled,
			Samples: u.Basis.Samples, SpanSeconds: u.Basis.Span.Seconds(), CPU: u.CPU, Memory: u.Memory,
		})
	}
	for _, n := range r.Namespaces() {
		out.Namespaces = append(out.Namespaces, couldSave{Namespace: n.Namespace, Saving: n.Saving, Cost: prices.cost(n.Saving)})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

func sizingOf(f sizing.Finding, prices Prices) sizingFinding {
	out := sizingFinding{
		Code: f.Code, Danger: f.Danger.String(), Object: ref(f.Object), Container: redact.Name(f.Container).String(), Summary: f.Summary,
		Samples: f.Basis.Samples, SpanSeconds: f.Basis.Span.Seconds(), Saving: f.Saving, Cost: prices.cost(f.Saving),
		NoProposal: f.Instead, Advice: append([]redact.Text{}, f.Advice...), Note: f.Note,
	}
	if f.Workload.Name != "" {
		w := ref(f.Workload)
		out.Workload = &w
	}
	if f.Change != nil {
		out.NoProposal = redact.Text{}
		out.Proposal = &fix{
			Kind: f.Change.Kind, Target: ref(f.Change.Target), Change: change(*f.Change), Why: f.Why, Risk: risk(f.Change.Kind),
			Symptomatic: relieves(f), Undo: undo(*f.Change),
		}
	}
	return out
}

func (p Prices) cost(s sizing.Saving) *float64 {
	if p.none() || s.None() {
		return nil
	}
	n := p.of(s)
	return &n
}
