package guards_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/incident"
)

// stream is an incident's records as a gate with the right key writes them,
// whatever it was made to say.
type stream struct {
	t       *testing.T
	now     time.Time
	i       incident.Incident
	records []incident.Record
	sealer  *incident.Sealer
}

var (
	measured = action.Hash(strings.Repeat("a1", 32))
	alice    = incident.Person{ID: "U1", Team: "T1"}
	bob      = incident.Person{ID: "U2", Team: "T1"}
)

// says appends what role says and tells whether it is believed.
func (s *stream) says(role incident.Role, b incident.Body) bool {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	r, err := incident.Next("i0123456789ab", s.i.Version, s.i.Head, role, b, s.now, s.sealer)
	if err != nil {
		s.t.Fatal(err)
	}
	next, bad := s.i.Follow(append(s.records[max(len(s.records)-1, 0):len(s.records):len(s.records)], r), s.sealer)
	if len(bad) > 0 {
		return false
	}
	s.i, s.records = next, append(s.records, r)
	return true
}

func (s *stream) must(role incident.Role, bodies ...incident.Body) {
	s.t.Helper()
	for _, b := range bodies {
		if !s.says(role, b) {
			s.t.Fatalf("%s is refused", b.Type())
		}
	}
}

// offered is a stream in which a change of an image waits for one vote.
func offered(t *testing.T) (*stream, action.Terms, action.Hash) {
	t.Helper()
	return offeredInstead(t, "shop/web:2")
}

// offeredInstead is offered for a workload that runs image.
func offeredInstead(t *testing.T, image string) (*stream, action.Terms, action.Hash) {
	t.Helper()
	s := &stream{t: t, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), sealer: &incident.Sealer{Key: []byte(strings.Repeat("k", 32)), Epoch: 1}}
	web := action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "11111111-2222-4333-8444-555555555555"}
	act := action.Action{Kind: action.SetImage, Target: web, Bound: measured, Params: action.Params{
		SetImage: &action.SetImageParams{Container: "web", From: image, To: "shop/web:1"},
	}}
	terms := action.NewTerms(act, measured, s.now.Add(15*time.Minute))
	digest, err := terms.Digest()
	if err != nil {
		t.Fatal(err)
	}
	s.must(incident.Watcher, &incident.Opened{Fingerprint: "f", Signal: incident.Signal{Symptom: incident.SymptomImagePull, Object: web, Subject: web}})
	s.must(incident.Gate,
		&incident.Posting{Slot: incident.CardSlot}, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1"},
		&incident.Rehearsing{Attempt: 1, Basis: "b", Candidate: incident.Candidate{Action: act}, Job: "cs-r1"},
		&incident.Rehearsed{Attempt: 1, Report: incident.ExecutorReport{State: incident.StateRehearsed, UID: web.UID, Before: measured}},
		&incident.Proposed{Attempt: 1, Terms: terms, Digest: digest, Button: true, Decision: incident.Decision{Allow: true, Quorum: 1}})
	return s, terms, digest
}

func TestAVoteIsOfThePersonVerbAndDigestOfItsPress(t *testing.T) {
	s, _, digest := offered(t)
	s.must(incident.Gate, &incident.Clicked{Click: "c", Verb: incident.Reject, Digest: digest, Person: bob, Genuine: true})
	for name, vote := range map[string]*incident.Voted{
		"somebody else's":   {Click: "c", Verb: incident.Reject, Digest: digest, Person: alice},
		"for the contrary":  {Click: "c", Verb: incident.Approve, Digest: digest, Person: bob},
		"for another offer": {Click: "c", Verb: incident.Manual, Digest: measured, Person: bob},
		"of no press":       {Click: "d", Verb: incident.Reject, Digest: digest, Person: bob},
	} {
		if s.says(incident.Gate, vote) {
			t.Fatalf("a vote that is %s is believed", name)
		}
	}
	s.must(incident.Gate, &incident.Voted{Click: "c", Verb: incident.Reject, Digest: digest, Person: bob})
}

func TestAPressThatWasJudgedIsNotWrittenDownAgain(t *testing.T) {
	s, _, digest := offered(t)
	press := &incident.Clicked{Click: "c", Verb: incident.Approve, Digest: digest, Person: bob, Genuine: true}
	s.must(incident.Gate, press, &incident.Refused{Click: "c"})
	if s.says(incident.Gate, press) {
		t.Error("it is written down again, and would be judged again")
	}
}

func TestAnApprovalGivesOneOrder(t *testing.T) {
	s, terms, digest := offered(t)
	job, err := action.JobName(action.Apply, terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	order := &incident.Launched{Digest: digest, Job: job, Order: "b3JkZXI"}
	if s.says(incident.Gate, order) {
		t.Fatal("an order without a decision is believed")
	}
	s.must(incident.Gate,
		&incident.Clicked{Click: "c", Verb: incident.Approve, Digest: digest, Person: bob, Genuine: true},
		&incident.Voted{Click: "c", Verb: incident.Approve, Digest: digest, Person: bob},
		&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}}, order)
	if s.says(incident.Gate, order) {
		t.Error("a second order is believed")
	}
}

func TestARecordInAnotherSpellingIsNotBelieved(t *testing.T) {
	s, _, digest := offered(t)
	s.must(incident.Gate, &incident.Clicked{Click: "c", Verb: incident.Approve, Digest: digest, Person: bob, Genuine: true})
	last := &s.records[len(s.records)-1]
	sound := last.Raw
	if _, bad := incident.Replay(s.records, s.sealer); len(bad) > 0 {
		t.Fatalf("the sound one is not believed: %s", bad[0].Reason)
	}
	for name, raw := range map[string]string{
		"with a space":       strings.Replace(string(sound), `,"seal":`, `, "seal":`, 1),
		"with another event": strings.Replace(string(sound), `{"event":`, `{"event":{},"event":`, 1),
		"in another order":   `{"seal":` + strings.TrimSuffix(string(sound[strings.LastIndex(string(sound), `,"seal":`)+8:]), "}") + "," + string(sound[1:strings.LastIndex(string(sound), `,"seal":`)]) + "}",
	} {
		last.Raw = []byte(raw)
		if _, bad := incident.Replay(s.records, s.sealer); len(bad) != 1 {
			t.Errorf("%s it is believed: %s", name, raw)
		}
	}
}

func TestRecordsThatWereReadHaveToStayTheSame(t *testing.T) {
	s, _, _ := offered(t)
	other, _, _ := offeredInstead(t, "shop/web:3")
	if _, bad := s.i.Follow(s.records[len(s.records)-1:], s.sealer); len(bad) > 0 {
		t.Fatalf("the same records: %s", bad[0].Reason)
	}
	if _, bad := s.i.Follow(other.records[len(s.records)-1:], s.sealer); len(bad) == 0 {
		t.Error("other authentic records in their place are believed")
	}
}

func TestARoleWritesEventsOfItsOwnTypes(t *testing.T) {
	s, _, _ := offered(t)
	for role, body := range map[incident.Role]incident.Body{
		incident.Watcher: &incident.Decided{}, incident.Gate: &incident.Cleared{}, "": &incident.Cleared{}, "else": &incident.Decided{},
	} {
		if _, err := incident.Next("i0123456789ab", 1, measured, role, body, s.now, s.sealer); err == nil {
			t.Errorf("role %q writes %s", role, body.Type())
		}
	}
}

func TestLettersThatLookLikeOthersStandOnTheCardAsWhatTheyAre(t *testing.T) {
	for image, want := range map[string]string{"shop/web:2": "shop/web:2", "sh\u043ep/web:2": `sh\\u{43e}p/web:2`, "shop/web:\uff12": `shop/web:\\u{ff12}`} {
		s, _, _ := offeredInstead(t, image)
		blocks, _ := chat.Render(s.i, chat.Options{Mode: incident.ModeApprove, Now: s.now})
		raw, err := json.Marshal(blocks)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(raw), want) || want != image && strings.Contains(string(raw), image) {
			t.Errorf("%q does not stand on the card as %s", image, want)
		}
	}
}
