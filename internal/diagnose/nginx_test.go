package diagnose

import (
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// inside adds what a look inside the ConfigMap's key found.
func inside(check kube.FileCheck) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		for i := range s.ConfigMaps {
			if s.ConfigMaps[i].Ref.Name == "web-nginx" {
				s.ConfigMaps[i].Files = []kube.FileCheck{check}
				return
			}
		}
		s.ConfigMaps = append(s.ConfigMaps, kube.Keys{Ref: kube.Key("ConfigMap", namespaceOf(s), "web-nginx"), Keys: []string{check.Key}, Files: []kube.FileCheck{check}})
	}
}

func semicolonCheck() kube.FileCheck {
	return kube.FileCheck{
		Key:    "default.conf",
		Faults: []kube.FileFault{{Rule: "missing-semicolon", Line: 2, Reported: 3, Message: text(`the directive "listen" is not ended: a ";" is missing here`), Quote: text("  listen 8080")}},
		Quotes: []kube.FileLine{{Line: 3, Text: text("  root /www;")}},
		Edit:   &kube.FileEdit{Lines: []kube.LineEdit{{Line: 2, Before: text("  listen 8080"), After: text("  listen 8080;")}}, Before: "aa", After: "bb"},
	}
}

func lineQuoted(f Finding) string {
	for _, e := range f.Evidence {
		if strings.HasPrefix(e.Where.String(), "key default.conf, line ") {
			return e.Where.String() + ": " + e.Text.String()
		}
	}
	return ""
}

func TestARejectionOfNginxIsJoinedWithTheLineOfItsConfigMap(t *testing.T) {
	f := captured(t, "config-invalid", inside(semicolonCheck()))
	blames(t, f, incident.ConfigInvalid, "ConfigMap/web-nginx")
	if got := f.Diagnosis.Summary.String(); !strings.Contains(got, `key default.conf of ConfigMap/web-nginx: line 2: the directive "listen" is not ended`) {
		t.Errorf("the summary names no line: %s", got)
	}
	if got := lineQuoted(f); got != "key default.conf, line 2:   listen 8080" {
		t.Errorf("the evidence quotes %q", got)
	}
	e := f.Diagnosis.Edit
	if e == nil || e.Key != "default.conf" || e.Target != f.Diagnosis.Root || len(e.Lines) != 1 || e.Lines[0].Line != 2 || e.Lines[0].After.String() != "  listen 8080;" || e.Before != "aa" || e.After != "bb" {
		t.Errorf("the correction is %+v", e)
	}
	steps := ""
	for _, s := range f.Diagnosis.Steps {
		steps += s.String() + "\n"
	}
	for _, want := range []string{"correct line 2 of key default.conf: kubectl edit ConfigMap/web-nginx", "line 2 becomes “listen 8080;”", "countersign nginx check"} {
		if !strings.Contains(steps, want) {
			t.Errorf("no step says %q:\n%s", want, steps)
		}
	}
	for _, c := range f.Diagnosis.Candidates {
		t.Errorf("a button for a ConfigMap: %v", c.Action.Kind)
	}
}

func TestATextWithoutAFaultWhereNginxFoundOneIsOnlyQuoted(t *testing.T) {
	check := semicolonCheck()
	check.Faults[0].Reported = 7 // another fault, or another text
	f := captured(t, "config-invalid", inside(check))
	blames(t, f, incident.ConfigInvalid, "ConfigMap/web-nginx")
	if got := lineQuoted(f); got != "key default.conf, line 3:   root /www;" {
		t.Errorf("the evidence quotes %q", got)
	}
	if f.Diagnosis.Edit != nil || strings.Contains(f.Diagnosis.Summary.String(), "is not ended") {
		t.Errorf("a fault is claimed that nginx did not find: %s", f.Diagnosis.Summary)
	}
}

func TestARejectionByAnotherProgramHasNoNginxLine(t *testing.T) {
	f := captured(t, "config-invalid", func(s *kube.Snapshot) {
		inside(semicolonCheck())(s)
		saying(`ERROR failed to parse /etc/nginx/conf.d/default.conf: yaml: line 1: did not find expected key`)(s)
	})
	blames(t, f, incident.ConfigInvalid, "ConfigMap/web-nginx")
	if f.Diagnosis.Edit != nil || lineQuoted(f) != "" {
		t.Errorf("nginx's line is told of another program: %s", f.Diagnosis.Summary)
	}
}
