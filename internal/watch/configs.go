package watch

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/nginx"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Bounds of the look inside ConfigMaps.
const (
	maxTexts      = 16 << 20 // bytes of all texts of one look, kept until it ends
	maxFileFaults = 10       // of one key
	maxEditLines  = 20
)

// keepText keeps a ConfigMap's text until the logs are read. It never enters the
// snapshot.
func (g *gather) keepText(r action.Ref, o *corev1.ConfigMap) {
	size := 0
	for _, text := range o.Data {
		size += len(text)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.textBytes += size; g.textBytes > maxTexts {
		return
	}
	if g.texts == nil {
		g.texts = map[action.Ref]map[string]string{}
	}
	g.texts[kube.Key(r.Kind, r.Namespace, r.Name)] = o.Data
}

// configs looks inside the ConfigMaps of pods whose log holds a refusal of nginx,
// and lets go of all texts. It runs when everything else has been read.
func (g *gather) configs() {
	named := map[action.Ref][]int{} // the lines that the logs name
	for _, l := range g.snap.Logs {
		for _, line := range l.Lines {
			at, ok := nginx.ReadLog(line.String())
			if !ok {
				continue
			}
			for _, r := range g.configMapsOf(l.Pod) {
				if !slices.Contains(named[r], at.Line) {
					named[r] = append(named[r], at.Line)
				}
			}
		}
	}
	for n := range g.snap.ConfigMaps {
		k := &g.snap.ConfigMaps[n]
		r := kube.Key(k.Ref.Kind, k.Ref.Namespace, k.Ref.Name)
		if lines, text := named[r], g.texts[r]; len(lines) > 0 && len(text) > 0 {
			k.Files = checkNginx(g.red, text, lines)
		}
	}
	g.texts = nil
}

// configMapsOf are the ConfigMaps that a pod mounts.
func (g *gather) configMapsOf(pod action.Ref) []action.Ref {
	want := map[action.Ref]bool{}
	for _, p := range g.snap.Pods {
		if !kube.RefOf(p).Same(pod) {
			continue
		}
		add := func(kind, name string) {
			if kind == "ConfigMap" {
				want[kube.Key(kind, p.Namespace, name)] = true
			}
		}
		for i := range p.Spec.Volumes {
			namedByVolume(add, &p.Spec.Volumes[i])
		}
	}
	var out []action.Ref
	for r := range want {
		out = append(out, r)
	}
	return out
}

// checkNginx says of each key what nginx refuses and how it would be corrected.
func checkNginx(red *redact.Redactor, texts map[string]string, lines []int) []kube.FileCheck {
	o := nginx.Options{Redactor: red}
	report, err := nginx.Check(texts, o)
	if err != nil { // nothing looks like nginx's, and yet nginx refused it
		o.All = true
		if report, err = nginx.Check(texts, o); err != nil {
			return nil
		}
	}
	corrections, err := nginx.Correct(texts, o, func(_ string, s nginx.Severity) bool { return s == nginx.Refused })
	if err != nil {
		corrections = nil // what is wrong is known all the same
	}
	var out []kube.FileCheck
	for key, text := range texts {
		c := kube.FileCheck{Key: key}
		for _, n := range lines {
			if quote := nginx.Quote(red, text, n); !quote.IsEmpty() {
				c.Quotes = append(c.Quotes, kube.FileLine{Line: n, Text: quote})
			}
		}
		for _, f := range report.Findings {
			if f.File.String() == key && f.Severity == nginx.Refused && len(c.Faults) < maxFileFaults {
				c.Faults = append(c.Faults, kube.FileFault{Rule: f.Rule, Line: f.Line, Reported: f.Reported, Message: f.Message, Quote: f.Quote})
			}
		}
		for _, x := range corrections {
			if x.File.String() == key && !x.Refused && len(x.Lines) <= maxEditLines {
				c.Edit = fileEdit(x)
			}
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b kube.FileCheck) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return out
}

func fileEdit(x nginx.Correction) *kube.FileEdit {
	e := &kube.FileEdit{Before: action.Hash(x.Before), After: action.Hash(x.After)}
	for _, l := range x.Lines {
		e.Lines = append(e.Lines, kube.LineEdit{Line: l.Line, Before: l.Before, After: l.After})
	}
	return e
}
