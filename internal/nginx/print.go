package nginx

import (
	"fmt"
	"io"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// WriteTo writes the report for people.
func (r Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	count := map[Severity]int{}
	for _, f := range r.Findings {
		count[f.Severity]++
		fmt.Fprintf(&b, "%s:%d  %s  %s\n", f.File, f.Line, f.Severity, f.Rule)
		if !f.Quote.IsEmpty() {
			fmt.Fprintf(&b, "    | %s\n", strings.TrimSpace(f.Quote.String()))
		}
		fmt.Fprintf(&b, "    %s\n", f.Message)
		if !f.Why.IsEmpty() {
			fmt.Fprintf(&b, "    why: %s (%s)\n", f.Why, f.Source)
		}
		for _, x := range f.Fix {
			fmt.Fprintf(&b, "    fix: line %d becomes:\n%s\n", x.Line, indented(x.After))
		}
	}
	for _, name := range r.LeftOut {
		fmt.Fprintf(&b, "not looked at, because it does not look like a configuration of nginx: %s\n", name)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "%d more findings are not shown\n", r.More)
	}
	if total := len(r.Findings) + r.More; total == 0 {
		fmt.Fprintf(&b, "nothing found; files looked at: %d\n", len(r.Files))
	} else {
		var parts []string
		for s := Refused; s <= Low; s++ {
			if count[s] > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", count[s], s))
			}
		}
		noun := "findings"
		if total == 1 {
			noun = "finding"
		}
		fmt.Fprintf(&b, "%d %s: %s\n", total, noun, strings.Join(parts, ", "))
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func indented(t redact.Text) string {
	return "      + " + strings.ReplaceAll(t.String(), "\n", "\n      + ")
}
