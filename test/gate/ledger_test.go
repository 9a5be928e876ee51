package gate_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/remediate"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// press is one press on Approve Fix as the harness sent it.
type press struct {
	at       time.Time
	user     string // empty where the press never left
	digest   string // of the button that was pressed
	incident string
	acked    bool
}

// execution is one run of the executor as the harness saw it.
type execution struct {
	at     time.Time
	pod    string
	mode   action.Mode
	digest string
	uid    string // of the order's target
	state  remediate.State
	code   string
}

// change is a write on a target that the API server's audit log holds.
type change struct {
	at        time.Time
	user, pod string
	verb      string
}

// story is everything that is known of one target.
type story struct {
	target  target
	presses []press
	runs    []execution
	changes []change
	end     fate
	said    saying // what the newest card says in the end
	offered string // the digest that it offers, if any
	card    string // and all of it, for the message of a failure
}

// approvers are named in the product's settings; nobody else's press counts.
var approvers = []string{slackstub.Alice, slackstub.Bob}

// approved reports whether somebody has a right to know what came of it: the
// press was acknowledged, or it was not and counted all the same.
func (s story) approved() bool {
	return s.executed() || slices.ContainsFunc(s.presses, func(p press) bool { return p.acked && slices.Contains(approvers, p.user) })
}

// executed is decided by the API server alone.
func (s story) executed() bool { return len(s.changes) > 0 || s.end.generation > 1 }

// wrongs names what must never happen, with the incident. It believes the audit
// log, the generation and the harness's own notes, and of the product's words
// only the card, for what people were told.
func (s story) wrongs() []string {
	var out []string
	say := func(kind, format string, args ...any) {
		out = append(out, fmt.Sprintf("%s: %s (incident %s): %s", kind, s.target, s.incidents(), fmt.Sprintf(format, args...)))
	}
	applied := 0
	for _, r := range s.runs {
		if r.mode != action.Apply {
			continue
		}
		if r.state == remediate.Applied {
			applied++
		}
		if !s.consented(r) {
			say("UNAPPROVED", "executor %s ran on digest %s; presses of approvers: %s", r.pod, short(r.digest), s.pressed())
		}
		if r.uid != string(s.target.uid) {
			say("UNAPPROVED", "executor %s ran on the object %s", r.pod, r.uid)
		}
	}
	if len(s.changes) > 1 || s.end.generation > 2 || applied > 1 {
		say("DOUBLE", "%d writes in the audit log, generation %d, %d executors report a change", len(s.changes), s.end.generation, applied)
	}
	if s.executed() && !slices.ContainsFunc(s.runs, func(r execution) bool { return r.mode == action.Apply }) {
		say("UNAPPROVED", "the target was changed and no executor ran: %+v", s.changes)
	}
	for _, c := range s.changes {
		if !strings.HasPrefix(c.pod, "cs-a-"+string(s.target.uid)+"-") {
			say("UNAPPROVED", "%s by %s from pod %q", c.verb, c.user, c.pod)
		}
	}
	if s.executed() && !s.end.gone && (s.end.image != soundImage || !slices.Contains(approvers, s.end.stamps["approved-by"])) {
		say("UNAPPROVED", "image %s, stamps %v", s.end.image, s.end.stamps)
	}
	if !s.end.gone && (s.end.generation > 1) != (len(s.changes) > 0) {
		say("BLIND", "generation %d and %d writes in the audit log: the harness misses something", s.end.generation, len(s.changes))
	}
	if s.approved() && !s.executed() && (!s.said.settled() && s.said != halted || s.stale()) {
		say("LOST SILENTLY", "approved by %s, nothing was executed and the card says: %s", s.pressed(), s.card)
	}
	return out
}

// stale reports whether the card still offers what was approved: the press is
// forgotten, and nothing on the card says so.
func (s story) stale() bool { return s.offered != "" && s.pressesOn(s.offered) > 0 }

// pressesOn counts the acknowledged presses of approvers on a digest.
func (s story) pressesOn(digest string) int {
	n := 0
	for _, p := range s.presses {
		if p.acked && p.digest == digest && slices.Contains(approvers, p.user) {
			n++
		}
	}
	return n
}

// consented reports whether an approver had pressed on exactly this digest
// before the executor ran. Whether the press was acknowledged does not matter:
// an acknowledgement may get lost on its way.
func (s story) consented(r execution) bool {
	return slices.ContainsFunc(s.presses, func(p press) bool {
		return p.digest == r.digest && p.at.Before(r.at) && slices.Contains(approvers, p.user)
	})
}

func (s story) pressed() string {
	var out []string
	for _, p := range s.presses {
		if slices.Contains(approvers, p.user) {
			out = append(out, fmt.Sprintf("%s on %s at %s, acknowledged %t", p.user, short(p.digest), p.at.Format("15:04:05.000"), p.acked))
		}
	}
	return "[" + strings.Join(out, "; ") + "]"
}

func (s story) incidents() string {
	var ids []string
	for _, p := range s.presses {
		if !slices.Contains(ids, p.incident) {
			ids = append(ids, p.incident)
		}
	}
	return strings.Join(ids, ", ")
}

func short(digest string) string { return digest[:min(12, len(digest))] }

// ledger collects the stories while they happen.
type ledger struct {
	log func(string, ...any)

	mu      sync.Mutex
	stories map[string]*story // by the target's UID
	strays  []execution       // on objects that are no target
	notes   int
}

func newLedger(log func(string, ...any)) *ledger {
	return &ledger{log: log, stories: map[string]*story{}}
}

// maxNotes bounds what is said of the harness's own troubles.
const maxNotes = 40

func (l *ledger) note(format string, args ...any) {
	l.mu.Lock()
	l.notes++
	n := l.notes
	l.mu.Unlock()
	if n <= maxNotes {
		l.log(format, args...)
	}
}

func (l *ledger) begin(t target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stories[string(t.uid)] = &story{target: t}
}

// edit changes the story of a target.
func (l *ledger) edit(t target, f func(*story)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.stories[string(t.uid)])
}

// press writes a press down before it is sent and returns how to say that it
// was acknowledged, or that it never left.
func (l *ledger) press(t target, p press) (acked, unsent func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stories[string(t.uid)]
	s.presses = append(s.presses, p)
	n := len(s.presses) - 1
	acked = func() { l.edit(t, func(s *story) { s.presses[n].acked = true }) }
	unsent = func() { l.edit(t, func(s *story) { s.presses[n].user = "" }) }
	return acked, unsent
}

// ran writes down what an executor did. began is before its first request.
func (l *ledger) ran(pod *corev1.Pod, order string, r remediate.Result, began time.Time) {
	e := execution{at: began, pod: pod.Name, state: r.State, code: r.Code}
	if o, err := action.DecodeOrder(order); err == nil {
		e.mode, e.digest, e.uid = o.Mode, string(o.Proposal), o.Terms.Action.Target.UID
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.stories[e.uid]; s != nil {
		s.runs = append(s.runs, e)
	} else if e.mode == action.Apply {
		l.strays = append(l.strays, e)
	}
}

func (l *ledger) all() []story {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]story, 0, len(l.stories))
	for _, s := range l.stories {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b story) int { return strings.Compare(a.target.name, b.target.name) })
	return out
}
