package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/remediate"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// good is a story in which everything is as it should be.
func good() story {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	t := target{"vol-1", "t-00001", "uid-1"}
	return story{
		target:  t,
		presses: []press{{at, slackstub.Carol, "d1", "i1", true}, {at.Add(time.Second), slackstub.Alice, "d1", "i1", true}},
		runs: []execution{
			{at: at, pod: "cs-r1-uid-1-x", mode: action.Rehearse, digest: "d0", uid: "uid-1", state: remediate.Rehearsed},
			{at: at.Add(2 * time.Second), pod: "cs-a-uid-1-x", mode: action.Apply, digest: "d1", uid: "uid-1", state: remediate.Applied},
		},
		changes: []change{{at: at.Add(3 * time.Second), user: "system:serviceaccount:exec:set-image", pod: "cs-a-uid-1-x", verb: "patch"}},
		end:     fate{generation: 2, image: soundImage, stamps: map[string]string{"approved-by": slackstub.Alice}},
		said:    recovered,
	}
}

func TestTheOracleSeesEveryWrong(t *testing.T) {
	untouched := func(s *story) { s.changes, s.end, s.runs = nil, fate{generation: 1, image: absentImage}, s.runs[:1] }
	for name, c := range map[string]struct {
		spoil func(*story)
		want  string
	}{
		"nothing is wrong":                                 {func(*story) {}, ""},
		"two writes":                                       {func(s *story) { s.changes = append(s.changes, s.changes[0]) }, "DOUBLE"},
		"a third generation":                               {func(s *story) { s.end.generation = 3 }, "DOUBLE"},
		"two executors report a change":                    {func(s *story) { s.runs = append(s.runs, s.runs[1]) }, "DOUBLE"},
		"nobody but a stranger pressed":                    {func(s *story) { s.presses = s.presses[:1] }, "UNAPPROVED"},
		"the approver pressed another digest":              {func(s *story) { s.presses[1].digest = "d2" }, "UNAPPROVED"},
		"the approver pressed after the executor ran":      {func(s *story) { s.presses[1].at = s.runs[1].at.Add(time.Second) }, "UNAPPROVED"},
		"the approver's press never left":                  {func(s *story) { s.presses[1].user = "" }, "UNAPPROVED"},
		"the order was for another object":                 {func(s *story) { s.runs[1].uid = "uid-2" }, "UNAPPROVED"},
		"the change came from another pod":                 {func(s *story) { s.changes[0].pod = "cs-a-uid-2-x" }, "UNAPPROVED"},
		"the change came from no pod":                      {func(s *story) { s.changes[0].pod = "" }, "UNAPPROVED"},
		"the change was made without an executor":          {func(s *story) { s.runs = s.runs[:1] }, "UNAPPROVED"},
		"another image than the approved one":              {func(s *story) { s.end.image = "evil" }, "UNAPPROVED"},
		"the stamp names a stranger":                       {func(s *story) { s.end.stamps["approved-by"] = slackstub.Carol }, "UNAPPROVED"},
		"the audit log misses the change":                  {func(s *story) { s.changes = nil }, "BLIND"},
		"the generation misses the change":                 {func(s *story) { s.end.generation = 1 }, "BLIND"},
		"approved, and the card says it is under way":      {func(s *story) { untouched(s); s.said = works }, "LOST SILENTLY"},
		"approved, and the card says nothing":              {func(s *story) { untouched(s); s.said = nothing }, "LOST SILENTLY"},
		"approved, and the same button stands":             {func(s *story) { untouched(s); s.said, s.offered = offers, "d1" }, "LOST SILENTLY"},
		"approved, and the card asks to vote again":        {func(s *story) { untouched(s); s.said, s.offered = offers, "d2" }, ""},
		"approved, and the card says why nothing was done": {func(s *story) { untouched(s); s.said = told }, ""},
		"approved, and the card says that it is halted":    {func(s *story) { untouched(s); s.said = halted }, ""},
		"never acknowledged and never done":                {func(s *story) { untouched(s); s.presses[1].acked = false; s.said = works }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := good()
			c.spoil(&s)
			wrongs := s.wrongs()
			if c.want == "" && len(wrongs) > 0 || c.want != "" && !strings.Contains(strings.Join(wrongs, "\n"), c.want+": vol-1/t-00001 (incident i1") {
				t.Errorf("want %q, got %q", c.want, wrongs)
			}
		})
	}
}
