package chat

import (
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// haltOf is the sentence of the halt that an attempt stands for, empty where it
// stands for none.
func haltOf(cur incident.Attempt) string {
	if len(cur.Reasons) == 0 || cur.Proposed != nil || cur.Basis != incident.HaltBasis(cur.Reasons[0].String()) {
		return ""
	}
	return cur.Reasons[0].String()
}

// beforeLines say what became of the offer before this attempt, where people
// voted on it and would look for their votes.
func beforeLines(i incident.Incident) []redact.Text {
	if len(i.Attempts) < 2 {
		return nil
	}
	cur, before := i.Attempts[len(i.Attempts)-1], i.Attempts[len(i.Attempts)-2]
	if before.Proposed == nil || cur.Decided != nil || cur.Lapsed != "" {
		return nil
	}
	var why redact.Text
	switch before.Lapsed {
	case incident.LapsedPolicy:
		why = redact.Literal("the policy has changed")
	case incident.LapsedHalted:
		why = redact.Literal("everything was halted")
	case "edited":
		why = redact.Literal("it was edited")
	default:
		return nil
	}
	return []redact.Text{redact.Sprintf("The offer %s was taken back because %s: votes for it are void.", redact.Name(before.Proposed.Digest.Short()), why)}
}

// reasonLines are the reasons that people gave with their votes.
func reasonLines(cur incident.Attempt) []redact.Text {
	var out []redact.Text
	for _, v := range cur.Votes {
		if !v.Reason.IsEmpty() && len(out) < maxApprovers {
			out = append(out, redact.Sprintf("Reason of %s: %s", personText(v.Person), v.Reason.Truncate(reasonRunes)))
		}
	}
	return out
}

// glassLines say who broke the glass, what became of it, and who reviewed it.
func glassLines(i incident.Incident, o Options) []redact.Text {
	g := i.Glass
	if g == nil {
		return nil
	}
	who := personText(g.Person)
	until := redact.Name(g.ExpiresAt.UTC().Format("15:04 MST"))
	switch {
	case i.Reviewed != nil:
		return []redact.Text{redact.Sprintf("Broken glass: used by %s, reviewed by %s.", who, personText(*i.Reviewed))}
	case i.GlassUsed != "":
		return []redact.Text{redact.Sprintf("Broken glass: used by %s for the change %s. Somebody else has to look at it and press “Mark as reviewed”. Reason given: %s",
			who, redact.Name(i.GlassUsed.Short()), g.Reason.Truncate(reasonRunes))}
	case i.GlassOpen(o.Now):
		return []redact.Text{redact.Sprintf("BREAK-GLASS by %s until %s: one change may be approved alone, and somebody else has to review it. Reason: %s",
			who, until, g.Reason.Truncate(reasonRunes))}
	}
	return []redact.Text{redact.Sprintf("Broken glass: by %s until %s, not used.", who, until)}
}
