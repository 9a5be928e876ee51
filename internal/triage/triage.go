// Package triage decides what a Signal becomes: a new incident, a line in one
// that is open, or nothing, and says why.
//
// It is pure: what is known of the subject and the time are arguments, the
// answer is data. It does not look at the cluster, does not keep what it
// decided and does not say what is wrong; grouping faults of different subjects
// by their cause is not done here.
package triage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// Verdict says what to do with a signal. The zero value does nothing.
type Verdict int

// The verdicts.
const (
	Ignore Verdict = iota
	Open
	Merge
)

// String is the word for logs and metrics.
func (v Verdict) String() string {
	switch v {
	case Ignore:
		return "ignore"
	case Open:
		return "open"
	case Merge:
		return "merge"
	}
	return "ignore"
}

// Decision is a verdict and what goes with it.
type Decision struct {
	Verdict Verdict
	// Reason is one of a few fixed sentences, for the log.
	Reason string
	// Into is the open incident to merge into.
	Into incident.ID
	// QuietUntil holds back the first card of an incident that is opened; zero
	// means not at all.
	QuietUntil time.Time
}

// Prior is what is known of an earlier or open incident of the same subject.
type Prior struct {
	ID        incident.ID
	Signals   []incident.Signal
	Announced bool // its card was posted
	ClosedAt  time.Time
}

// PriorOf takes from an incident what triage needs.
func PriorOf(i incident.Incident) *Prior {
	_, announced := i.Thread()
	return &Prior{ID: i.ID, Signals: i.Signals, Announced: announced, ClosedAt: i.ClosedAt}
}

// View is what Decide needs to know besides the signal.
type View struct {
	// Open is the subject's open incident, Last the one that closed last; nil
	// for none.
	Open, Last *Prior
	// Quiet is how long the same finding is not announced again.
	Quiet time.Duration
	// Scope and Mutes say what nobody wants to hear about.
	Scope Scope
	Mutes []Mute
}

// maxObjects is how many objects of one symptom an incident lists. A storm of
// ten thousand pods is one fault; its count comes from looking.
const maxObjects = 20

// Decide says what becomes of s at now.
func Decide(s incident.Signal, v View, now time.Time) Decision {
	if s.Symptom == "" || s.Subject.Kind == "" || s.Subject.Name == "" {
		return Decision{Reason: "the signal names no symptom or no subject"}
	}
	if !v.Scope.Covers(s.Subject) {
		return Decision{Reason: "the namespace is not watched"}
	}
	for _, m := range v.Mutes {
		if m.Covers(s, now) {
			return Decision{Reason: "muted: " + m.Reason}
		}
	}
	if v.Open != nil {
		return into(s, v.Open)
	}
	if v.Last != nil && v.Last.Announced && knows(v.Last.Signals, s.Symptom) {
		if until := v.Last.ClosedAt.Add(v.Quiet); now.Before(until) {
			return Decision{Verdict: Open, QuietUntil: until, Reason: "the same finding was announced a short while ago"}
		}
	}
	return Decision{Verdict: Open, Reason: "the subject has no open incident"}
}

// into decides about a signal whose subject has an open incident.
func into(s incident.Signal, open *Prior) Decision {
	objects := 0
	for _, known := range open.Signals {
		if known.Symptom != s.Symptom {
			continue
		}
		if known.Object.Same(s.Object) {
			return Decision{Into: open.ID, Reason: "the open incident has this symptom of this object"}
		}
		objects++
	}
	switch {
	case objects == 0:
		return Decision{Verdict: Merge, Into: open.ID, Reason: "a new symptom of a subject with an open incident"}
	case objects < maxObjects:
		return Decision{Verdict: Merge, Into: open.ID, Reason: "another object of a subject with an open incident"}
	}
	return Decision{Into: open.ID, Reason: "the open incident lists enough objects with this symptom"}
}

func knows(list []incident.Signal, symptom incident.Symptom) bool {
	return slices.ContainsFunc(list, func(s incident.Signal) bool { return s.Symptom == symptom })
}

// Scope is which namespaces are looked at; empty means all. Subjects without a
// namespace (nodes) are always in.
type Scope struct {
	Namespaces []string
}

// Covers reports whether r is in scope.
func (c Scope) Covers(r action.Ref) bool {
	return len(c.Namespaces) == 0 || r.Namespace == "" || slices.Contains(c.Namespaces, r.Namespace)
}

// Mute silences signals. Empty fields fit everything, but one that is empty all
// over mutes nothing.
type Mute struct {
	Namespace string
	Kind      string
	Name      string
	Symptom   incident.Symptom
	Until     time.Time // zero means for good
	Reason    string
}

// Covers reports whether the mute silences s at now.
func (m Mute) Covers(s incident.Signal, now time.Time) bool {
	if m.Namespace == "" && m.Kind == "" && m.Name == "" && m.Symptom == "" {
		return false
	}
	fits := func(want, have string) bool { return want == "" || want == have }
	return fits(m.Namespace, s.Subject.Namespace) && fits(m.Kind, s.Subject.Kind) && fits(m.Name, s.Subject.Name) &&
		fits(string(m.Symptom), string(s.Symptom)) && (m.Until.IsZero() || now.Before(m.Until))
}

// Fingerprint names a subject for good: the same workload has the same
// fingerprint after it was deleted and made again. An incident that is open
// keeps others with its fingerprint from opening.
func Fingerprint(cluster string, subject action.Ref) string {
	return digest("countersign/fingerprint/v1", cluster, subject.Kind, subject.Namespace, subject.Name)[:32]
}

// NewID is the id of the incident with this fingerprint that opened at this
// time. Two processes that see the same opening agree on it.
func NewID(fingerprint string, openedAt time.Time) incident.ID {
	at := openedAt.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
	return incident.ID("i" + digest("countersign/incident/v1", fingerprint, at)[:12])
}

// digest hashes parts such that no two lists of parts share a form.
func digest(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%d:%s\n", len(p), p)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}
