package policy

import (
	"slices"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/policies"
)

func matrixSettings() Settings {
	s := settings()
	s.Approvers = map[string][]string{"*": {"U1", "U2", "S1"}}
	s.RiskApprovers = map[string][]string{"medium": {"U1", "S2"}}
	s.BreakGlass = []string{"U1", "U7"}
	s.ReasonFor.Risks = []string{"high"}
	return s
}

// Who presses, as what, and for what: every combination against what a person
// would say, written down here a second time.
func TestWhosePressCounts(t *testing.T) {
	e := engine(t, policies.Source, matrixSettings())
	asked, counted := 0, 0
	for _, id := range []string{"U1", "U2", "U3", "U7", ""} {
		for _, groups := range [][]string{nil, {"S1"}, {"S1", "S2"}, {"S2"}} {
			for _, member := range []bool{true, false} {
				for _, requester := range []string{"", "U1", "U9"} {
					for _, verb := range []incident.Verb{incident.Approve, incident.Reject, incident.Edit, incident.Undo, incident.Review, incident.Manual, ""} {
						for _, glass := range []string{"", "U1", "U7", "U3"} {
							in := question(Approve)
							in.Voter = incident.Identity{Person: person(id), Groups: groups, Member: member}
							in.Requester, in.Verb = incident.Person{ID: requester, Team: "T1"}, verb
							if glass != "" {
								in.Glass = &Glass{Person: person(glass), Reason: redact.Literal("the till is down")}
							}
							alone := verb == incident.Approve && glass == id && (id == "U1" || id == "U7")
							listed := id == "U1" || id == "U2" || slices.Contains(groups, "S1")
							tier := id == "U1" || slices.Contains(groups, "S2")
							want := member && (alone || listed && tier)
							switch verb {
							case incident.Approve:
								want = want && (requester == "" || requester != id)
							case incident.Review:
								want = want && glass != "" && glass != id
							case incident.Reject, incident.Edit, incident.Undo:
							case incident.Manual:
								want = false
							default:
								want = false
							}
							d, err := e.Decide(t.Context(), in)
							if err != nil || d.Allow != want {
								t.Errorf("%q in %v, member %v, requester %q, verb %q, glass of %q: %v %v %v, want %v", id, groups, member, requester, verb, glass, d.Allow, d.Reasons, err, want)
							}
							asked++
							if d.Allow {
								counted++
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d presses, %d count", asked, counted)
}

// Which votes are enough.
func TestHowManyMustAgree(t *testing.T) {
	e := engine(t, policies.Source, matrixSettings())
	people := []string{"U1", "U2", "U3"}
	asked, enough := 0, 0
	for votes := range 8 {
		for _, requester := range []string{"", "U1", "U3"} {
			for _, cut := range []bool{false, true} {
				for _, signer := range []string{"", "U1", "U9"} {
					for _, asks := range []bool{false, true} {
						for _, glass := range []string{"", "U1", "U3"} {
							in := question(Execute)
							in.Approvals, in.DiffCut, in.Reason = nil, cut, redact.Literal("agreed")
							in.Requester = incident.Person{ID: requester, Team: "T1"}
							counts := map[string]bool{}
							for n, id := range people {
								if votes&(1<<n) != 0 {
									in.Approvals = append(in.Approvals, person(id), person(id))
									counts[id] = id != requester
								}
							}
							if signer != "" {
								in.Signed = []string{signer}
							}
							if asks {
								in.Facts.NamespaceLabels = []incident.Label{{Key: action.SignatureLabel, Value: "true"}}
							}
							if glass != "" {
								in.Glass = &Glass{Person: person(glass), Reason: redact.Literal("the till is down")}
							}
							n, quorum := 0, 1
							for _, yes := range counts {
								if yes {
									n++
								}
							}
							if cut && !(glass == "U1" && counts["U1"]) {
								quorum = 2
							}
							want := n >= quorum && (!asks || signer != "" && counts[signer])
							d, err := e.Decide(t.Context(), in)
							if err != nil || d.Allow != want || d.Quorum != quorum || d.Pending == want {
								t.Errorf("votes %03b, requester %q, cut %v, signed by %q (asked %v), glass of %q: %+v %v, want %v of %d", votes, requester, cut, signer, asks, glass, d, err, want, quorum)
							}
							asked++
							if d.Allow {
								enough++
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d questions, %d have enough", asked, enough)
}
