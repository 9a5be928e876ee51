package app

import (
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// caseVersion is the version of the form of a case. Older ones go on being read.
const caseVersion = 1

// Case is one incident as a file: what the rules saw, redacted, what they made of
// it, and what people say that it was. It holds no name of a person.
type Case struct {
	Version  int         `json:"version"`
	Incident incident.ID `json:"incident"`
	Subject  action.Ref  `json:"subject"`
	OpenedAt time.Time   `json:"openedAt"`

	Diagnosis Diagnosed           `json:"diagnosis"`
	Expected  *Expected           `json:"expected,omitempty"` // nil while nobody has said anything
	Evidence  []incident.Evidence `json:"evidence,omitempty"`

	// Snapshot is what kube.Save wrote; Missing says why there is none.
	Snapshot redact.Text `json:"snapshot,omitzero"`
	Missing  redact.Text `json:"missing,omitzero"`
}

// Diagnosed is what the rules said when the snapshot was taken.
type Diagnosed struct {
	Cause   incident.Cause `json:"cause"`
	Root    action.Ref     `json:"root"`
	Rule    string         `json:"rule,omitempty"`
	Summary redact.Text    `json:"summary,omitzero"`
}

// Expected is what most people say that it was.
type Expected struct {
	// Cause and Root are what it was; a Root without a name leaves the object
	// open. Where both are empty, Not says what it was not, and nobody what it was.
	Cause incident.Cause `json:"cause,omitempty"`
	Root  action.Ref     `json:"root,omitzero"`
	Not   *Diagnosed     `json:"not,omitempty"`
	// Said is how many people say this, of so many who said anything.
	Said     int           `json:"said"`
	Of       int           `json:"of"`
	Disputed bool          `json:"disputed,omitempty"` // as many say something else
	Words    []redact.Text `json:"words,omitempty"`
}

// maxCase bounds a case file, in bytes.
const maxCase = 4 << 20

// DecodeCase reads a case file. What it holds is foreign: texts are redacted as
// they are read, and fields that the form does not have are an error.
func DecodeCase(raw []byte) (Case, error) {
	var c Case
	if len(raw) > maxCase {
		return Case{}, fmt.Errorf("the case is larger than %d bytes", maxCase)
	}
	if err := yaml.UnmarshalStrict(raw, &c); err != nil {
		return Case{}, fmt.Errorf("read the case: %w", err)
	}
	switch {
	case c.Version == 0:
		return Case{}, errors.New("this is no case: it has no version (countersign incident export writes cases)")
	case c.Version > caseVersion:
		return Case{}, fmt.Errorf("the case has version %d; this program reads up to %d", c.Version, caseVersion)
	case c.Subject.Kind == "" || c.Subject.Name == "":
		return Case{}, errors.New("the case does not say what it is about: subject.kind and subject.name")
	case c.Snapshot.IsEmpty() && c.Missing.IsEmpty():
		return Case{}, errors.New("the case has no snapshot and does not say why")
	}
	return c, nil
}

// Encode writes the case as YAML.
func (c Case) Encode() ([]byte, error) {
	raw, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write the case: %w", err)
	}
	return raw, nil
}

// expected is what most of the verdicts say; nil where there are none.
func expected(i incident.Incident) *Expected {
	opinions := i.Opinions()
	if len(opinions) == 0 {
		return nil
	}
	most := opinions[0]
	e := &Expected{Cause: most.Cause, Root: most.Root, Said: len(most.By), Of: len(i.Verdicts)}
	e.Disputed = len(opinions) > 1 && len(opinions[1].By) == len(most.By)
	for _, v := range i.Verdicts {
		if v.Right != most.Right || v.Cause != most.Cause || !v.Root.Same(most.Root) {
			continue
		}
		if most.Cause == "" {
			e.Not = &Diagnosed{Cause: v.Of.Cause, Root: v.Of.Root, Rule: v.Of.By}
		}
		if !v.Words.IsEmpty() {
			e.Words = append(e.Words, v.Words)
		}
	}
	return e
}
