package llm

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// maxObjects bounds the objects that a prompt names.
const maxObjects = 30

// dossier is one case as a model may see it, and what its answer is held
// against.
type dossier struct {
	redactor  *redact.Redactor
	diagnosis incident.Diagnosis
	evidence  []incident.Evidence // in the order of telling, those with sound ids
	objects   []caseObject
	lastID    int // the highest number among the ids

	mayAsk bool                // the next question may be answered by questions
	asked  []exchange          // what was asked before
	gained []incident.Evidence // what that brought
}

// caseObject is an object that may be named as a root: as shown, and as it is.
type caseObject struct {
	shown shownRef
	ref   action.Ref
}

var evidenceID = regexp.MustCompile(`^e[1-9][0-9]{0,3}$`)

func newDossier(r *redact.Redactor, d incident.Diagnosis, evidence []incident.Evidence) *dossier {
	c := &dossier{redactor: r, diagnosis: d}
	seen := map[string]bool{}
	for _, e := range evidence {
		if !evidenceID.MatchString(e.ID) || seen[e.ID] || strings.TrimSpace(e.Text.String()) == "" {
			continue
		}
		seen[e.ID] = true
		c.evidence = append(c.evidence, e)
	}
	for _, e := range evidence { // also what is not shown has its id
		if evidenceID.MatchString(e.ID) {
			n, _ := strconv.Atoi(e.ID[1:]) // four digits at most
			c.lastID = max(c.lastID, n)
		}
	}
	c.order()
	c.gatherObjects()
	return c
}

func (c *dossier) order() {
	slices.SortStableFunc(c.evidence, func(a, b incident.Evidence) int { return c.rank(a) - c.rank(b) })
}

// number is how questions name the object at an index; numbers is all of them.
func number(i int) string { return "o" + strconv.Itoa(i+1) }

func (c *dossier) numbers() []string {
	out := make([]string, len(c.objects))
	for i := range out {
		out[i] = number(i)
	}
	return out
}

// subject is what token budgets are kept by.
func (c *dossier) subject() string {
	ref := c.diagnosis.Root
	if ref.Name == "" {
		ref = c.diagnosis.Object
	}
	return ref.Namespace + " " + ref.String()
}

// namespace is where the case happens; empty for a node.
func (c *dossier) namespace() string {
	if c.diagnosis.Object.Name != "" {
		return c.diagnosis.Object.Namespace
	}
	return c.diagnosis.Root.Namespace
}

// gatherObjects collects the objects of the case: those of the diagnosis, those
// that evidence came from, and those whose addresses the evidence holds. Nothing
// of another namespace is among them.
func (c *dossier) gatherObjects() {
	c.addObject(c.diagnosis.Root)
	c.addObject(c.diagnosis.Object)
	for _, cand := range c.diagnosis.Candidates {
		c.addObject(cand.Action.Target)
	}
	for _, e := range c.evidence {
		c.addObject(e.Source)
	}
	for _, e := range c.evidence {
		for _, ref := range addressed(e.Text) {
			c.addObject(ref)
		}
	}
}

func (c *dossier) addObject(ref action.Ref) {
	if ref.Kind == "" || ref.Name == "" || ref.Namespace != "" && ref.Namespace != c.namespace() || len(c.objects) == maxObjects {
		return
	}
	shown := shownRef{
		Kind: redact.Name(ref.Kind).String(), Namespace: redact.Name(ref.Namespace).String(), Name: redact.Name(ref.Name).String(),
	}
	for i, o := range c.objects {
		if o.shown == shown {
			if o.ref.UID == "" {
				c.objects[i].ref = ref
			}
			return
		}
	}
	c.objects = append(c.objects, caseObject{shown: shown, ref: ref})
}

// addressed finds the objects that the redactor put in place of addresses, in
// the form ⟨svc shop/cache⟩. A log can hold such a mark from the start; that
// lets it name an object of its own namespace as a root, and no more.
func addressed(t redact.Text) []action.Ref {
	var out []action.Ref
	rest := t.String()
	for {
		_, after, ok := strings.Cut(rest, "⟨")
		if !ok {
			return out
		}
		body, _, _ := strings.Cut(after, "⟩")
		rest = after
		kind, name, _ := strings.Cut(body, " ")
		namespace, name, ok := strings.Cut(name, "/")
		if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
			continue
		}
		switch kind {
		case "svc":
			out = append(out, action.Ref{APIVersion: "v1", Kind: "Service", Namespace: namespace, Name: name})
		case "pod":
			out = append(out, action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: name})
		}
	}
}

// rank puts the most telling evidence first: what the rules cite, what the model
// asked for, then what says outright that something is wrong or missing.
func (c *dossier) rank(e incident.Evidence) int {
	switch {
	case slices.Contains(c.diagnosis.Cites, e.ID):
		return 0
	case slices.ContainsFunc(c.gained, func(g incident.Evidence) bool { return g.ID == e.ID }):
		return 1
	}
	switch e.Kind {
	case "absence", "status":
		return 2
	case "log":
		if slices.ContainsFunc(e.Text.Lines(), telling) {
			return 2
		}
		return 3
	case "event":
		return 3
	}
	return 4
}

// telling finds the words of trouble in a line.
func telling(line redact.Text) bool {
	s := strings.ToLower(line.String())
	return slices.ContainsFunc([]string{
		"error", "fatal", "panic", "exception", "fail", "refused", "denied", "timeout", "timed out", "cannot", "could not",
		"unable", "killed", "not found", "missing", "invalid", "unhealthy", "forbidden", "unauthorized", "no such", "exceeded", "expired",
	}, func(word string) bool { return strings.Contains(s, word) })
}
