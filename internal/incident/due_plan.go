package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/countersign-dev/countersign/internal/action"
)

// Why an offer lapsed for a reason outside the finding, which is planned again.
const (
	LapsedHalted = "halted"
	LapsedPolicy = "policy"
)

// plan adds the step that looks for a fix, once per finding.
func (d *due) plan() {
	i := d.i
	_, posted := i.Thread()
	if !posted || i.Diagnosis == nil || !i.ClearedAt.IsZero() || i.Taken != nil || i.Inquiry != nil ||
		d.rules.mode(i.Subject.Namespace) == ModeOff {
		return
	}
	cur := i.Current()
	if cur != nil && (cur.Open() || cur.Verifying() || cur.Concluded != nil && cur.Concluded.Result == Undone) {
		return // people took the fix back: it is theirs until the incident is over
	}
	if why := d.rules.Halted(); why != "" {
		if basis := HaltBasis(why); cur == nil || cur.Basis != basis {
			d.add(Act, DoPlan, basis) // only to say why nothing is offered
		}
		return
	}
	basis, moved, all := i.Diagnosis.Basis(), 0, 0
	for _, a := range i.Attempts {
		if a.Basis != basis {
			continue
		}
		all++
		switch {
		case !a.Until.IsZero() && d.now.Before(a.Until) && (a.glass || !i.GlassOpen(d.now)):
			d.wake(a.Until)
			return
		case a.moved():
			moved++
		case !a.again():
			return
		}
	}
	if moved < maxTries {
		d.add(Act, DoPlan, fmt.Sprintf("%s:%d", basis, all))
	}
}

// moved reports whether the attempt ended because its target had changed, or
// its rehearsal came to no end, so that it is worth planning again a few times.
func (a Attempt) moved() bool {
	if a.Report != nil && a.Report.State == StateFailed {
		return true
	}
	return a.Executed != nil && a.Executed.Report.State == StateRefused &&
		(a.Executed.Report.Code == "bound-changed" || a.Executed.Report.Code == "uid-changed" || a.Executed.Report.Code == "conflict")
}

// again reports whether the attempt ended for a reason that lies outside the
// finding and its target: a halt, a policy that was replaced, a denial whose
// time is over, an edit that came to nothing.
func (a Attempt) again() bool {
	switch {
	case a.Lapsed == LapsedHalted, a.Lapsed == LapsedPolicy, a.Lapsed == "edited":
		return true
	case a.Lapsed == "refused":
		return !a.Until.IsZero()
	case a.Reasons != nil:
		return !a.Until.IsZero() || a.Rehearsal.Edited || a.Report != nil && a.Report.stopped()
	}
	return a.Executed != nil && a.Executed.Report.stopped()
}

// stopped reports whether the run was kept from doing anything by a halt.
func (r ExecutorReport) stopped() bool {
	return r.State == StateRefused && r.Code == "stopped"
}

// HaltBasis names the attempt that only says why nothing is offered.
func HaltBasis(why string) string {
	sum := sha256.Sum256([]byte(why))
	return "halt:" + hex.EncodeToString(sum[:6])
}

func (rules Rules) mode(namespace string) Mode {
	if rules.Mode == nil {
		return ModeOff
	}
	return rules.Mode(namespace)
}

// Basis names what a fix would be planned for: cause, root and candidates,
// without the times that differ from look to look.
func (d Diagnosis) Basis() string {
	candidates := make([]action.Action, 0, len(d.Candidates))
	for _, c := range d.Candidates {
		a := c.Action
		a.Params.Restart = nil
		candidates = append(candidates, a)
	}
	raw, err := json.Marshal(struct {
		Cause      Cause
		Root       action.Ref
		Candidates []action.Action
		Owner      string
	}{d.Cause, d.Root, candidates, d.Owner.String()})
	if err != nil {
		return "" // cannot happen: plain structs of strings and numbers
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:6])
}
