package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/sizing"
)

// Prices are what a core, a GiB of memory and a GiB of storage cost for a month,
// in whatever currency. Without any, no money is spoken of.
type Prices struct{ CPU, Memory, Storage float64 }

func (p Prices) none() bool { return p == Prices{} }

func (p Prices) of(s sizing.Saving) float64 {
	const gib = 1 << 30
	return p.CPU*float64(s.CPUMilli)/1000 + p.Memory*float64(s.Memory)/gib + p.Storage*float64(s.Storage)/gib
}

// Sizing writes a table of findings for people, the most dangerous first, then
// what each of them means and what can be done, and what could be saved in all.
func Sizing(w io.Writer, r sizing.Report, prices Prices, colour bool) error {
	p := paint(colour)
	var b strings.Builder
	if len(r.Findings) > 0 {
		b.WriteString(p.table(r, prices))
		b.WriteByte('\n')
	}
	for _, f := range r.Findings {
		p.sizing(&b, f)
	}
	if len(r.Findings) == 0 {
		fmt.Fprintf(&b, "%s nothing was seen that should have another size (%s)\n", p.green("✓"), basis(r))
	} else {
		fmt.Fprintf(&b, "%s\n", count(len(r.Findings)))
	}
	for _, n := range r.Namespaces() {
		fmt.Fprintf(&b, "  namespace %s could give back %s\n", redact.Name(n.Namespace), saving(n.Saving, prices))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

// table has one row for each finding. Colour is put on whole lines afterwards:
// a tabwriter counts the bytes of escape sequences as width.
func (p paint) table(r sizing.Report, prices Prices) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DANGER\tNAMESPACE\tOBJECT\tCONTAINER\tPODS\tCPU USE/REQUEST/LIMIT\tMEMORY USE/REQUEST/LIMIT\tFINDING\tSAVING\tSEEN")
	for _, f := range r.Findings {
		pods, cpu, memory := "-", "-", "-"
		if u, ok := useOf(r, f); ok {
			pods = fmt.Sprint(u.Pods)
			cpu, memory = usedOf(u.CPU, u.Sampled > 0, kube.CPU), usedOf(u.Memory, u.Sampled > 0, kube.Memory)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Danger, redact.Name(f.Object.Namespace), redact.Name(f.Object.String()),
			dash(f.Container), pods, cpu, memory, f.Code, saving(f.Saving, prices), f.Basis.Words())
	}
	_ = t.Flush() // a strings.Builder takes everything
	lines := strings.SplitAfter(b.String(), "\n")
	for i := range lines {
		line := strings.TrimRight(lines[i], " \n")
		switch {
		case line == "":
			continue
		case i == 0:
			line = p.faint(line)
		case r.Findings[i-1].Danger == sizing.Critical:
			line = p.red(line)
		case r.Findings[i-1].Danger == sizing.Warning:
			line = p.yellow(line)
		}
		lines[i] = line + "\n"
	}
	return strings.Join(lines, "")
}

// useOf is what the finding's container uses, where it is about one.
func useOf(r sizing.Report, f sizing.Finding) (sizing.Use, bool) {
	i := slices.IndexFunc(r.Uses, func(u sizing.Use) bool {
		return f.Container != "" && u.Workload == f.Object && u.Container == f.Container
	})
	if i < 0 {
		return sizing.Use{}, false
	}
	return r.Uses[i], true
}

func usedOf(f sizing.Figures, sampled bool, words func(int64) redact.Text) string {
	used := "?"
	if sampled {
		used = words(f.Used).String()
	}
	part := func(n int64) string {
		if n == 0 {
			return "-"
		}
		return words(n).String()
	}
	return used + "/" + part(f.Request) + "/" + part(f.Limit)
}

func dash(name string) string {
	if name == "" {
		return "-"
	}
	return redact.Name(name).String()
}

// saving says what would be given back; a dash where nothing is.
func saving(s sizing.Saving, prices Prices) string {
	var parts []string
	if s.CPUMilli > 0 {
		parts = append(parts, kube.CPU(s.CPUMilli).String()+" cpu")
	}
	if s.Memory > 0 {
		parts = append(parts, kube.Memory(s.Memory).String()+" memory")
	}
	if s.Storage > 0 {
		parts = append(parts, kube.Memory(s.Storage).String()+" storage")
	}
	if len(parts) == 0 {
		return "-"
	}
	if !prices.none() {
		parts = append(parts, fmt.Sprintf("%.2f a month", prices.of(s)))
	}
	return strings.Join(parts, ", ")
}

func (p paint) sizing(b *strings.Builder, f sizing.Finding) {
	mark := p.faint("·")
	switch f.Danger {
	case sizing.Critical:
		mark = p.red("✗")
	case sizing.Warning:
		mark = p.yellow("!")
	case sizing.Note:
	}
	where := redact.Name(f.Object.Namespace).String() + " " + redact.Name(f.Object.String()).String()
	fmt.Fprintf(b, "%s %s  %s\n", mark, p.bold(where), f.Code)
	p.line(b, "", f.Summary.String())
	p.line(b, "seen", f.Basis.Words().String())
	if f.Change != nil {
		said := p.green(change(*f.Change).String())
		if relieves(f) {
			said += " (relieves, does not cure)"
		}
		p.line(b, "fix", said)
		p.line(b, "", "  "+f.Why.String())
		p.line(b, "undo", undo(*f.Change).String())
	}
	for n, a := range f.Advice {
		label := "do"
		if n > 0 {
			label = "or"
		}
		p.line(b, label, a.String())
	}
	if f.Change == nil && !f.Instead.IsEmpty() {
		p.line(b, "note", "no proposal: "+f.Instead.String())
	}
	if !f.Note.IsEmpty() {
		p.line(b, "note", f.Note.String())
	}
	b.WriteByte('\n')
}

// relieves reports changes that give room to what goes on using more.
func relieves(f sizing.Finding) bool {
	return f.Change != nil && (f.Code == sizing.MemoryNearLimit || f.Code == sizing.MemoryUnscaled)
}

// basis is what the look as a whole rests on.
func basis(r sizing.Report) redact.Text {
	var most sizing.Basis
	for _, u := range r.Uses {
		if u.Basis.Samples > most.Samples {
			most = u.Basis
		}
	}
	return most.Words()
}
