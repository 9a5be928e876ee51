package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/incident"
)

// The bounds of what a person reads in five seconds.
const (
	maxQuotes  = 3
	maxQuote   = 160 // runes
	maxSteps   = 3
	maxVictims = 5
)

// paint wraps text in ANSI colour where a terminal wants it.
type paint bool

func (p paint) in(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p paint) bold(s string) string   { return p.in("1", s) }
func (p paint) red(s string) string    { return p.in("31", s) }
func (p paint) green(s string) string  { return p.in("32", s) }
func (p paint) yellow(s string) string { return p.in("33", s) }
func (p paint) faint(s string) string  { return p.in("2", s) }

// Text writes findings for people: one block each, what stands before what may
// still settle, and a last line that counts them.
func Text(w io.Writer, findings []diagnose.Finding, colour bool) error {
	p := paint(colour)
	var b strings.Builder
	settling := 0
	for _, young := range []bool{false, true} {
		for _, f := range findings {
			if f.Settling != young {
				continue
			}
			if young {
				settling++
			}
			p.block(&b, f)
		}
	}
	switch {
	case len(findings) == 0:
		fmt.Fprintf(&b, "%s nothing wrong was seen\n", p.green("✓"))
	case settling > 0:
		fmt.Fprintf(&b, "%s, %d of them too young to be sure\n", count(len(findings)), settling)
	default:
		fmt.Fprintf(&b, "%s\n", count(len(findings)))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

func count(n int) string {
	if n == 1 {
		return "1 finding"
	}
	return fmt.Sprintf("%d findings", n)
}

func (p paint) block(b *strings.Builder, f diagnose.Finding) {
	d := f.Diagnosis
	mark, where := p.red("✗"), f.Subject.String()
	if f.Settling {
		mark = p.yellow("…")
	}
	if f.Subject.Namespace != "" {
		where = f.Subject.Namespace + " " + where
	}
	fmt.Fprintf(b, "%s %s  %s", mark, p.bold(where), p.red(string(d.Cause)))
	if d.Desired > 0 {
		fmt.Fprintf(b, "  %d of %d ready", d.Ready, d.Desired)
	}
	if d.Severity != "" {
		fmt.Fprintf(b, "  %s", d.Severity)
	}
	if f.Settling {
		fmt.Fprintf(b, "  %s", p.yellow("(settling)"))
	}
	b.WriteByte('\n')
	p.line(b, "", d.Summary.String())
	if f.Missing {
		b.WriteByte('\n')
		return
	}
	if d.Root.String() != f.Subject.String() {
		p.line(b, "root", d.Root.String())
	}
	if !d.Changed.IsEmpty() {
		p.line(b, "when", d.Changed.String())
	}
	p.victims(b, f.Victims)
	p.quotes(b, f)
	p.fixes(b, d)
	if d.Confidence.Measured {
		p.line(b, "sure", fmt.Sprintf("%.0f %% (%s)", 100*d.Confidence.Value, d.Confidence.Basis))
	} else if d.Proven() {
		p.line(b, "sure", d.Confidence.Basis.String())
	}
	b.WriteByte('\n')
}

// victims names the first few subjects that fail for the same cause.
func (p paint) victims(b *strings.Builder, list []action.Ref) {
	if len(list) == 0 {
		return
	}
	names := make([]string, 0, maxVictims)
	for _, v := range list[:min(maxVictims, len(list))] {
		names = append(names, v.String())
	}
	said := strings.Join(names, ", ")
	if more := len(list) - maxVictims; more > 0 {
		said += fmt.Sprintf(" and %d more", more)
	}
	p.line(b, "also", said)
}

// line writes a labelled line; further lines of the text are indented alike.
func (p paint) line(b *strings.Builder, label, s string) {
	for n, part := range strings.Split(strings.TrimRight(s, "\n"), "\n") {
		if n > 0 {
			label = ""
		}
		padded := fmt.Sprintf("%-5s", label)
		if label == "" && n == 0 {
			fmt.Fprintf(b, "  %s\n", part)
			continue
		}
		fmt.Fprintf(b, "  %s %s\n", p.faint(padded), part)
	}
}

// quotes are the evidence that the cause rests on.
func (p paint) quotes(b *strings.Builder, f diagnose.Finding) {
	cited := map[string]bool{}
	for _, id := range f.Diagnosis.Cites {
		cited[id] = true
	}
	n := 0
	for _, e := range f.Evidence {
		if n == maxQuotes || !cited[e.ID] {
			continue
		}
		label := "why"
		if n > 0 {
			label = ""
		}
		n++
		p.quote(b, label, e)
	}
	for _, h := range f.Hypotheses {
		if f.Diagnosis.Proven() {
			break
		}
		p.line(b, "maybe", string(h.Cause)+": "+h.Summary.String())
	}
}

func (p paint) quote(b *strings.Builder, label string, e incident.Evidence) {
	said := strings.ReplaceAll(e.Text.Truncate(maxQuote).String(), "\n", " ⏎ ")
	source := e.Source.String()
	if !e.Where.IsEmpty() {
		source += ", " + e.Where.String()
	}
	fmt.Fprintf(b, "  %s %s\n", p.faint(fmt.Sprintf("%-5s", label)), said+" "+p.faint("["+source+"]"))
}

func (p paint) fixes(b *strings.Builder, d incident.Diagnosis) {
	for n, c := range d.Candidates {
		label := "fix"
		if n > 0 {
			label = "or"
		}
		said := p.green(change(c.Action).String())
		if c.Symptomatic {
			said += " (relieves, does not cure)"
		}
		p.line(b, label, said)
	}
	if len(d.Candidates) == 0 {
		for n, s := range d.Steps {
			if n == maxSteps {
				break
			}
			label := "do"
			if n > 0 {
				label = ""
			}
			fmt.Fprintf(b, "  %s %s\n", p.faint(fmt.Sprintf("%-5s", label)), s)
		}
		if !d.NoFix.IsEmpty() {
			p.line(b, "none", "no fix is offered: "+d.NoFix.String())
		}
	}
	if !d.Note.IsEmpty() {
		p.line(b, "note", d.Note.String())
	}
}
