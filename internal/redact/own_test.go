package redact

import (
	"strings"
	"testing"
	"time"
)

func TestARuleOfOnesOwnHidesAndKeepsItsPrefix(t *testing.T) {
	r, err := NewWithRules(Config{Key: []byte("k")}, []Rule{
		{Name: "acme-badge", Anchor: "ACME-", Pattern: `ACME-[0-9]{6}`, KeepPrefix: 5, Example: "badge ACME-123456"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Redact("visitor ACME-654321 at acme-door, ACME-12 is none")
	if !strings.Contains(got.String(), "visitor ACME-⟨own:") || !strings.Contains(got.String(), "at acme-door, ACME-12 is none") {
		t.Errorf("%s", got)
	}
	if n := r.Report()["own-acme-badge"]; n != 1 {
		t.Errorf("counted %d times by its name", n)
	}
	if forged := r.Redact("password=⟨own-" + hunter + "⟩ ⟨own-acme-badge:abcdef⟩").String(); strings.Contains(forged, hunter) || strings.Contains(forged, "⟨own-") {
		t.Errorf("brackets carried it past the patterns: %s", forged)
	}
	if again := settle(got.String()); again != got {
		t.Errorf("decoding without the rule changes it: %s", again)
	}
	if other := r.Redact("ACME-654321"); !strings.HasSuffix(got.String()[:strings.Index(got.String(), " at")], strings.TrimPrefix(other.String(), "ACME-")) {
		t.Errorf("the same value has another placeholder: %s", other)
	}
}

func TestARuleThatCannotWorkIsRefusedByName(t *testing.T) {
	good := Rule{Name: "acme", Anchor: "acme", Pattern: `acme[0-9]+`, Example: "acme1"}
	with := func(change func(*Rule)) Rule {
		r := good
		change(&r)
		return r
	}
	for want, rule := range map[string]Rule{
		"name:":            with(func(r *Rule) { r.Name = "Acme" }),
		"anchor: use":      with(func(r *Rule) { r.Anchor = "ac" }),
		"pattern: use":     with(func(r *Rule) { r.Pattern = "" }),
		"missing closing":  with(func(r *Rule) { r.Pattern = "acme(" }),
		"the empty text":   with(func(r *Rule) { r.Pattern = "(acme)?" }),
		"keepPrefix":       with(func(r *Rule) { r.KeepPrefix = 99 }),
		"give a text":      with(func(r *Rule) { r.Example = "" }),
		"leaves it":        with(func(r *Rule) { r.Example = "acme" }),
		"at most 500":      with(func(r *Rule) { r.Pattern = `acme1|(?:a?c?m?e? ?){200}acme` }),
		"anchor must be i": with(func(r *Rule) { r.Anchor = "zzz" }),
	} {
		_, err := NewWithRules(Config{}, []Rule{rule})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "redaction rule 1") {
			t.Errorf("%q: %v", want, err)
		}
	}
	if _, err := NewWithRules(Config{}, []Rule{good, good}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("%v", err)
	}
}

// A rule that takes too long withholds the text; it does not let it pass.
func TestARuleOverItsTimeWithholdsTheText(t *testing.T) {
	r, err := NewWithRules(Config{}, []Rule{{Name: "slow", Anchor: "slow", Pattern: `slow[0-9]`, Example: "slow1"}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	r.now = func() time.Time { now = now.Add(ownBudget); return now }
	r.budget = time.Hour
	if got := r.Redact("slow slow slow1").String(); got != withheldBudget {
		t.Errorf("%s", got)
	}
}
