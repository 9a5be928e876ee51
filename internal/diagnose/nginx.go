package diagnose

import (
	"strings"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/nginx"
	"github.com/countersign-dev/countersign/internal/redact"
)

// rejected is what is known of the text that nginx rejects.
type rejected struct {
	line  int // of the fault
	fault *kube.FileFault
	edit  *incident.TextEdit
}

// nginxFault joins nginx's own sentence with the text of the key that holds the
// file: the line that nginx names is where it stumbled, often the one behind the
// fault. A text that has no fault where nginx found one has been changed since,
// or is wrong in a way that only nginx can tell; then its line alone is quoted.
func (l *look) nginxFault(p proof, said redact.Text) proof {
	at, ok := nginx.ReadLog(strings.TrimSpace(said.String()))
	if !ok {
		return p
	}
	keys, _ := kube.FindKeys(l.x.ConfigMaps, p.root.Namespace, p.root.Name)
	check, ok := keys.FileCheck(p.key)
	if !ok {
		return p
	}
	r := &rejected{line: at.Line}
	for i := range check.Faults {
		if check.Faults[i].Reported == at.Line {
			r.fault = &check.Faults[i]
			break
		}
	}
	quote := redact.Text{}
	for _, q := range check.Quotes {
		if q.Line == at.Line {
			quote = q.Text
		}
	}
	if r.fault != nil {
		r.line, quote = r.fault.Line, r.fault.Quote
		p.summary = redact.Sprintf("%s: line %s: %s", p.summary, redact.Int(int64(r.line)), r.fault.Message)
		if check.Edit != nil {
			r.edit = textEdit(p, check.Edit)
		}
	}
	if !quote.IsEmpty() {
		p.cites = append(p.cites, l.evidence.add("spec", p.root, redact.Sprintf("key %s, line %s", text(p.key), redact.Int(int64(r.line))), quote, l.x.Taken))
	}
	p.rejected = r
	return p
}

func textEdit(p proof, e *kube.FileEdit) *incident.TextEdit {
	out := &incident.TextEdit{Target: p.root, Key: p.key, Before: e.Before, After: e.After}
	for _, l := range e.Lines {
		out.Lines = append(out.Lines, incident.LineReplacement{Line: l.Line, Before: l.Before, After: l.After})
	}
	return out
}

// textEdit is the correction that goes with a diagnosis, if there is one.
func (p proof) textEdit() *incident.TextEdit {
	if p.rejected == nil {
		return nil
	}
	return p.rejected.edit
}

// nginxSteps say which line becomes what; nil where nothing is known of the text.
func (l *look) nginxSteps(p proof, restart, logs redact.Text) []redact.Text {
	r := p.rejected
	if r == nil {
		return nil
	}
	root, ns := refText(p.root), text(p.root.Namespace)
	steps := []redact.Text{redact.Sprintf("correct line %s of key %s: kubectl edit %s -n %s", redact.Int(int64(r.line)), text(p.key), root, ns)}
	if r.edit != nil {
		steps = append(steps, becomes(r.edit))
	}
	return append(steps, redact.Sprintf("see what else is wrong in it: countersign nginx check -n %s configmap/%s", ns, text(p.root.Name)), restart, logs)
}

// maxToldLines is how many replaced lines a step tells.
const maxToldLines = 3

// becomes words a correction in one step.
func becomes(e *incident.TextEdit) redact.Text {
	var parts []redact.Text
	for _, x := range e.Lines[:min(len(e.Lines), maxToldLines)] {
		parts = append(parts, redact.Sprintf("line %s becomes “%s”", redact.Int(int64(x.Line)), oneLine(x.After)))
	}
	told := redact.Join("; ", parts...)
	if more := len(e.Lines) - maxToldLines; more > 0 {
		told = redact.Sprintf("%s; and %s more: countersign nginx check --fix shows all", told, redact.Int(int64(more)))
	}
	return told
}

// oneLine writes several lines as one, for a sentence.
func oneLine(t redact.Text) redact.Text {
	var lines []redact.Text
	for _, l := range t.Lines() {
		lines = append(lines, text(strings.TrimSpace(l.String())))
	}
	return redact.Join(" ⏎ ", lines...).Truncate(200)
}
