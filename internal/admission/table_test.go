package admission

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// verdict is what a line of the table expects of each guard.
type verdict int

const (
	passes verdict = iota + 1
	// refused is refused by CEL and, for itself, by Rego.
	refusedByBoth
	// celOnly is what Rego does not repeat: it needs the pinned Job, the fields
	// of a kind, or a look at the rest of the executor namespace.
	celOnly
	// regoOnly is what no policy is asked about.
	regoOnly
)

// guards says which of the two are up.
type guards struct{ cel, rego bool }

func (v verdict) refusedUnder(g guards) bool {
	return g.cel && (v == refusedByBoth || v == celOnly) || g.rego && (v == refusedByBoth || v == regoOnly)
}

// line is one case of the table: who does what, and what must come of it.
type line struct {
	who, verb, what string
	dry             bool
	want            verdict
	do              func(dry []string) error
	// invalid: the API server's own validation may be faster.
	invalid bool
}

func (l line) name() string {
	mode := ""
	if l.dry {
		mode = " (dry run)"
	}
	return l.who + ": " + l.verb + " " + l.what + mode
}

// try runs one line and complains when the guards that are up say something else
// than the table, or something else answered.
func (l line) try(t *testing.T, g guards) {
	t.Helper()
	var dry []string
	if l.dry {
		dry = dryRun
	}
	err := l.do(dry)
	policy, _ := RefusedBy(err)
	byCEL, byRego := policy != "", refusedByGatekeeper(err)
	switch {
	case l.invalid && isInvalid(err):
	case err != nil && !byCEL && !byRego:
		t.Errorf("neither guard answered: %v", err)
	case byCEL && !g.cel, byRego && !g.rego:
		t.Errorf("refused by a guard that is down: %v", err)
	case (err != nil) != l.want.refusedUnder(g):
		t.Errorf("refused %v, want %v: %v", err != nil, l.want.refusedUnder(g), err)
	}
}

// refusedByGatekeeper reports whether a violation of ours is why. The API server
// says so in words only.
func refusedByGatekeeper(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), ".gatekeeper.countersign.dev\" denied the request: [")
}

func TestALineOfTheTableExpectsWhatItSays(t *testing.T) {
	both, cel, rego := guards{true, true}, guards{cel: true}, guards{rego: true}
	for v, want := range map[verdict][3]bool{
		passes: {false, false, false}, refusedByBoth: {true, true, true}, celOnly: {true, true, false}, regoOnly: {true, false, true},
	} {
		if got := [3]bool{v.refusedUnder(both), v.refusedUnder(cel), v.refusedUnder(rego)}; got != want {
			t.Errorf("verdict %d: refused under both, CEL, Rego: %v, want %v", v, got, want)
		}
	}
}

// table is all lines. Mutants are those of the other wall tests; here stands
// which of them Rego repeats.
func (w *wall) table(t *testing.T) []line {
	var all []line
	for kind, right := range legal() {
		all = append(all, w.workloadLines(t, kind, right)...)
	}
	all = append(all, w.podLines(t)...)
	all = append(all, w.gateLines(t)...)
	return append(all, w.strangerLines(t)...)
}

// mutantsThatRegoRepeats are those of deploymentMutants and gateMutants that give
// a pod power, another account, or another name than an execution's.
func mutantsThatRegoRepeats() map[string]bool {
	return map[string]bool{
		"the account": true, "the host's network": true, "the host's processes": true, "a host path": true,
		"privileged": true, "a capability of the init container": true,
		"a name of another form": true, "a name with something behind it": true, "a generated name": true,
		"another account": true, "no account": true, "a secret volume": true, "an init container": true,
		"a second container": true, "a capability": true,
	}
}

func verdictOn(mutant string) verdict {
	if mutantsThatRegoRepeats()[mutant] {
		return refusedByBoth
	}
	return celOnly
}

func TestEveryMutantThatRegoRepeatsIsInTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, m := range deploymentMutants() {
		known[m.name] = true
	}
	for _, m := range gateMutants() {
		known[m.name] = true
	}
	for name := range mutantsThatRegoRepeats() {
		if !known[name] {
			t.Errorf("no mutant is called %q", name)
		}
	}
}

// escapeLines are what an account with all rights would do next; none may pass.
func (w *wall) escapeLines(t *testing.T, who, user, pod string) []line {
	var lines []line
	for _, e := range w.escapes(t, w.as(user, pod)) {
		lines = append(lines, line{who: who, verb: "tries", what: e.name, dry: true, want: refusedByBoth, do: func([]string) error { return e.do() }})
	}
	return lines
}

// tried runs the table; the settings differ in guards alone.
func (w *wall) tried(t *testing.T, lines []line, g guards) {
	for _, l := range lines {
		t.Run(l.name(), func(t *testing.T) { l.try(t, g) })
	}
	t.Logf("%d lines, CEL %v, Rego %v", len(lines), g.cel, g.rego)
}
