package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// JSON writes {"ok": …, "checks": […]}. Fields are added, never renamed.
func JSON(w io.Writer, checks []Check) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	out := struct {
		OK     bool    `json:"ok"`
		Checks []Check `json:"checks"`
	}{Code(checks) == 0, checks}
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write the checks: %w", err)
	}
	return nil
}

// Text writes the table: a line for each check, a second one with the remedy
// where there is one, and the sum.
func Text(w io.Writer, checks []Check, colour bool) error {
	var out strings.Builder
	width, count := 0, map[State]int{}
	for _, c := range checks {
		width = max(width, len(c.Name))
		count[c.State]++
	}
	for _, c := range checks {
		fmt.Fprintf(&out, "%s  %-*s  %s\n", painted(c.State, colour), width, c.Name, oneLine(c.Detail.String()))
		if !c.Remedy.IsEmpty() {
			fmt.Fprintf(&out, "%*s→ %s\n", 7+2+width+2, "", oneLine(c.Remedy.String()))
		}
	}
	fmt.Fprintf(&out, "\n%d ok, %d failed, %d unknown, %d skipped\n", count[OK], count[Failed], count[Unknown], count[Skipped])
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("write the checks: %w", err)
	}
	return nil
}

func painted(s State, colour bool) string {
	word := fmt.Sprintf("%-7s", s)
	if !colour {
		return word
	}
	paint := map[State]string{OK: "32", Failed: "1;31", Unknown: "33", Skipped: "2"}[s]
	return "\x1b[" + paint + "m" + word + "\x1b[0m"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
