package diagnose

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// cases lists the directories under testdata that say what they want.
func cases(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/want.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	dirs := make([]string, len(files))
	for i, f := range files {
		dirs[i] = filepath.Dir(f)
	}
	return dirs
}

// TestCausesAreProvenFromWhatRealClustersSay reads what a real API server and
// kubelet showed.
func TestCausesAreProvenFromWhatRealClustersSay(t *testing.T) {
	for _, dir := range cases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(dir, "captured.yaml")); err != nil {
				t.Fatalf("run with -live KUBECONFIG -update to capture it: %v", err)
			}
			_, s := readCapture(t, dir)
			for _, problem := range readWant(t, dir).check(s, namespaceOf(s)) {
				t.Error(problem)
			}
		})
	}
}

func namespaceOf(s *kube.Snapshot) string {
	for _, d := range s.Deployments {
		return d.Namespace
	}
	for _, d := range s.Jobs {
		return d.Namespace
	}
	for _, d := range s.StatefulSets {
		return d.Namespace
	}
	for _, p := range s.Pods {
		return p.Namespace
	}
	return ""
}

// check lists how the diagnosis differs from what is wanted.
func (w want) check(s *kube.Snapshot, namespace string) []string {
	var out []string
	kind, name := split(w.Subject)
	f := Diagnose(s, kube.Key(kind, namespace, name), Options{Now: s.Taken})
	said := describe(f)
	if w.Healthy {
		if !f.Healthy {
			out = append(out, "want healthy, have "+said)
		}
		for _, signal := range Subjects(s, s.Taken) {
			if signal.Subject.Kind != "Node" {
				out = append(out, fmt.Sprintf("want no signal, have %s on %s: %s", signal.Symptom, signal.Object, signal.Message))
			}
		}
		return out
	}
	if string(f.Diagnosis.Cause) != w.Cause || f.Diagnosis.Root.String() != w.Root {
		out = append(out, fmt.Sprintf("want %s with root %s, have %s", w.Cause, w.Root, said))
	}
	var offered []string
	for _, c := range f.Diagnosis.Candidates {
		offered = append(offered, offer(c.Action))
	}
	if !slices.Equal(offered, w.Candidates) {
		out = append(out, fmt.Sprintf("want candidates %q, have %q", w.Candidates, offered))
	}
	if !strings.Contains(f.Diagnosis.Summary.String(), w.Says) {
		out = append(out, fmt.Sprintf("want a summary with %q, have %s", w.Says, said))
	}
	switch changed := f.Diagnosis.Changed.String(); {
	case w.Changed == "none" && (changed != "" || len(f.Diagnosis.Changes) > 0):
		out = append(out, fmt.Sprintf("want no change told, have %q of %v", changed, f.Diagnosis.Changes))
	case w.Changed != "none" && !strings.Contains(changed, w.Changed):
		out = append(out, fmt.Sprintf("want a change told with %q, have %q of %v", w.Changed, changed, f.Diagnosis.Changes))
	}
	return append(out, sound(f)...)
}

// offer is a candidate in short: kind and what it goes to.
func offer(a action.Action) string {
	switch {
	case a.Params.SetImage != nil:
		return "set-image " + a.Params.SetImage.To
	case a.Params.Rollback != nil:
		return fmt.Sprintf("rollback %d", a.Params.Rollback.ToRevision)
	case a.Params.SetResources != nil:
		return "set-resources " + a.Params.SetResources.ToMemoryLimit
	}
	return string(a.Kind)
}

func describe(f Finding) string {
	d := f.Diagnosis
	var b strings.Builder
	fmt.Fprintf(&b, "%s root %s by %s: %s (healthy %t, missing %t)", d.Cause, d.Root, d.Rule, d.Summary, f.Healthy, f.Missing)
	for _, e := range f.Evidence {
		fmt.Fprintf(&b, "\n  %s %s %s %s: %s", e.ID, e.Kind, e.Source, e.Where, e.Text)
	}
	return b.String()
}

// sound lists what no finding may have, whatever its cause.
func sound(f Finding) []string {
	var out []string
	d := f.Diagnosis
	ids := map[string]bool{}
	for _, e := range f.Evidence {
		ids[e.ID] = true
	}
	for _, c := range d.Cites {
		if !ids[c] {
			out = append(out, fmt.Sprintf("cites %q, which is no evidence", c))
		}
	}
	if len(d.Cites) == 0 || d.Summary.IsEmpty() || len(d.Steps) == 0 || len(d.Steps) > maxSteps {
		out = append(out, fmt.Sprintf("cites %d, summary %q, %d steps", len(d.Cites), d.Summary, len(d.Steps)))
	}
	for _, c := range d.Candidates {
		if err := c.Action.Validate(); err != nil {
			out = append(out, err.Error())
		}
		if c.Why.IsEmpty() {
			out = append(out, "a candidate without a reason")
		}
	}
	if d.Proven() && (len(f.Hypotheses) != 1 || f.Hypotheses[0].Cause != d.Cause) {
		out = append(out, "a proven cause must stand alone")
	}
	if d.Rule == "" && d.Cause != incident.Unknown {
		out = append(out, "a cause without a rule")
	}
	return out
}
