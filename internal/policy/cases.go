package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/incident"
)

// Cases are questions that people put to a policy of theirs before it is in
// force, each with the answer that they want.
type Cases struct {
	// Base is what all cases have in common; a case replaces what it names.
	Base  json.RawMessage `json:"base,omitempty"`
	Cases []Case          `json:"cases"`
}

// Case is one question.
type Case struct {
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input,omitempty"`
	Want  Want            `json:"want,omitzero"`
}

// Want is what the decision should be. What is not set does not matter.
type Want struct {
	Allow       *bool    `json:"allow,omitempty"`
	Quorum      *int     `json:"quorum,omitempty"`
	Risk        *string  `json:"risk,omitempty"`
	NeedsReason *bool    `json:"needsReason,omitempty"`
	Reasons     []string `json:"reasons,omitempty"` // each is part of one of the reasons
}

// Outcome is the answer to one case. Differs is empty where it is as wanted.
type Outcome struct {
	Name     string            `json:"name"`
	Decision incident.Decision `json:"decision"`
	Differs  []string          `json:"differs,omitempty"`
}

// ParseCases reads cases in YAML. Unknown keys are refused.
func ParseCases(raw []byte) (Cases, error) {
	var c Cases
	if err := yaml.UnmarshalStrict(raw, &c); err != nil {
		return Cases{}, errors.New(oneLine(err))
	}
	if len(c.Cases) == 0 {
		return Cases{}, errors.New("cases: there are none")
	}
	return c, nil
}

// Try answers every case. An error is a case that is no question, or a policy
// that does not answer it.
func (c Cases) Try(ctx context.Context, e *Engine) ([]Outcome, error) {
	outcomes := make([]Outcome, 0, len(c.Cases))
	for n, k := range c.Cases {
		name := k.Name
		if name == "" {
			name = fmt.Sprintf("case %d", n+1)
		}
		in, err := k.question(c.Base)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		d, err := e.Decide(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		outcomes = append(outcomes, Outcome{Name: name, Decision: d, Differs: k.Want.differs(d)})
	}
	return outcomes, nil
}

func (k Case) question(base json.RawMessage) (Input, error) {
	var in Input
	raw := []byte("{}")
	for _, layer := range []json.RawMessage{base, k.Input} {
		if len(layer) == 0 {
			continue
		}
		merged, err := jsonpatch.MergePatch(raw, layer)
		if err != nil {
			return in, fmt.Errorf("input: %w", err)
		}
		raw = merged
	}
	if err := yaml.UnmarshalStrict(raw, &in); err != nil {
		return in, fmt.Errorf("input: %s", oneLine(err))
	}
	return in, nil
}

func (w Want) differs(d incident.Decision) (differs []string) {
	say := func(what string, want, got any) {
		differs = append(differs, fmt.Sprintf("%s is %v, want %v", what, got, want))
	}
	if w.Allow != nil && *w.Allow != d.Allow {
		say("allow", *w.Allow, d.Allow)
	}
	if w.Quorum != nil && *w.Quorum != d.Quorum {
		say("quorum", *w.Quorum, d.Quorum)
	}
	if w.Risk != nil && *w.Risk != d.Risk {
		say("risk", *w.Risk, d.Risk)
	}
	if w.NeedsReason != nil && *w.NeedsReason != d.NeedsReason {
		say("needsReason", *w.NeedsReason, d.NeedsReason)
	}
	for _, part := range w.Reasons {
		said := false
		for _, reason := range d.Reasons {
			said = said || strings.Contains(reason.String(), part)
		}
		if !said {
			differs = append(differs, fmt.Sprintf("no reason says %q", part))
		}
	}
	return differs
}
