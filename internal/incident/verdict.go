package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/countersign-dev/countersign/internal/action"
)

// Judge is the verb of a press that says what an incident was. It is no vote:
// it stands in a list of its own, which nothing that decides ever reads.
const Judge Verb = "verdict"

// maxVerdicts bounds how many people's verdicts one incident keeps.
const maxVerdicts = 200

// Claim is what a card says that an incident is, and who found it: a rule by its
// name, a model as "model:NAME". Cause is empty where nobody claims anything.
type Claim struct {
	Cause Cause      `json:"cause,omitempty"`
	Root  action.Ref `json:"root,omitzero"`
	By    string     `json:"by,omitempty"`
}

// Claimed is what the card of the incident claims now: what a rule has proven,
// or else the model's first guess.
func (i Incident) Claimed() Claim {
	switch {
	case i.Diagnosis == nil:
		return Claim{}
	case i.Diagnosis.Proven():
		return Claim{Cause: i.Diagnosis.Cause, Root: i.Diagnosis.Root, By: i.Diagnosis.Rule}
	case i.Explained != nil && len(i.Explained.Hypotheses) > 0:
		best := i.Explained.Hypotheses[0]
		return Claim{Cause: best.Cause, Root: best.Root, By: "model:" + i.Explained.Model}
	}
	return Claim{}
}

// Digest names the claim, so that a press tells which one its author saw. Who
// found it does not change what it says.
func (c Claim) Digest() action.Hash {
	raw, err := json.Marshal(struct {
		Cause Cause
		Root  action.Ref
	}{c.Cause, c.Root})
	if err != nil {
		return "" // cannot happen: plain structs of strings
	}
	sum := sha256.Sum256(append([]byte("countersign/claim/v1\n"), raw...))
	return action.Hash(hex.EncodeToString(sum[:]))
}

// Names reports whether the claim is of this cause and, where root names an
// object, of this root.
func (c Claim) Names(cause Cause, root action.Ref) bool {
	return c.Cause == cause && (root.Name == "" || c.Root.Same(root))
}

// Judgeable reports whether people may say what the incident was: it is one, and
// somebody has looked into it.
func (i Incident) Judgeable() bool {
	return i.Diagnosis != nil && i.Inquiry == nil && i.Steered == nil && i.Storm == nil
}

// Unfit says why the verdict cannot be one about the claim; nil means that it can.
func (v Verdict) Unfit(about Claim) error {
	switch {
	case v.Right && about.Cause == "":
		return errors.New("the card claims no cause that could be right")
	case v.Right && !about.Names(v.Cause, v.Root):
		return errors.New("a verdict of right names another cause")
	case !v.Right && v.Cause == "" && about.Cause == "":
		return errors.New("the card claims no cause that could be wrong")
	case !v.Right && v.Cause != "" && about.Names(v.Cause, v.Root):
		return errors.New("a verdict of wrong names the cause that was claimed")
	case v.Cause != "" && !slices.Contains(Causes(), v.Cause):
		return fmt.Errorf("cause %q is not of the vocabulary", v.Cause)
	case v.Cause == "" && v.Root != action.Ref{}:
		return errors.New("a verdict names a root and no cause")
	}
	return nil
}

// judged takes a verdict over; the last of one person counts. It changes nothing
// but the list of verdicts and the card.
func (i *Incident) judged(b *Verdict) error {
	if !i.Judgeable() {
		return errors.New("verdict on what is no incident")
	}
	n := slices.IndexFunc(i.Sayings, func(c Clicked) bool { return c.Click == b.Click })
	if n < 0 || !i.Sayings[n].Person.Is(b.By) || i.Sayings[n].Verdict == nil || !i.Sayings[n].Verdict.says(*b) {
		return fmt.Errorf("verdict without its click %s", b.Click)
	}
	if err := b.Unfit(b.Of); err != nil {
		return err
	}
	i.Sayings = slices.Delete(i.Sayings, n, n+1)
	i.Answered[b.Click] = true
	if of := slices.IndexFunc(i.Verdicts, func(v Verdict) bool { return v.By.Is(b.By) }); of >= 0 {
		i.Verdicts = slices.Delete(i.Verdicts, of, of+1)
	}
	if len(i.Verdicts) == maxVerdicts {
		return fmt.Errorf("more than %d verdicts", maxVerdicts)
	}
	i.Verdicts = append(i.Verdicts, *b)
	i.Revision++
	return nil
}

// says reports whether the press said this; what the gate adds to it (who, when,
// about which claim) is not compared.
func (v Verdict) says(b Verdict) bool {
	switch {
	case v.Words.String() != b.Words.String():
		return false
	case v.Right, v.Cause == "":
		return v.Right == b.Right && (b.Right || b.Cause == "")
	case b.Right:
		return b.Of.Names(v.Cause, v.Root) // who names what is claimed says that it is right
	}
	return b.Cause == v.Cause && b.Root == v.Root
}

// said puts a press that says what it was in the list of those to be heard.
func (i *Incident) said(b *Clicked) error {
	switch {
	case !i.Judgeable():
		return errors.New("a press for a verdict on what is no incident")
	case b.Verdict == nil:
		return errors.New("a press on a verdict that says none")
	case slices.ContainsFunc(i.Sayings, func(c Clicked) bool { return c.Click == b.Click }):
		return fmt.Errorf("click %s was written down already", b.Click)
	case len(i.Sayings) == maxVerdicts:
		return fmt.Errorf("more than %d verdicts wait", maxVerdicts)
	}
	i.Sayings = append(i.Sayings, *b)
	return nil
}

// unsaid takes a refused press off that list.
func (i *Incident) unsaid(click string) bool {
	n := slices.IndexFunc(i.Sayings, func(c Clicked) bool { return c.Click == click })
	if n < 0 {
		return false
	}
	i.Sayings = slices.Delete(i.Sayings, n, n+1)
	i.Answered[click] = true
	return true
}

// afterClose reports whether an event may come after the incident was closed:
// what stands in Slack, and what people say that it was.
func (i Incident) afterClose(body Body) bool {
	switch b := body.(type) {
	case *Posted, *Verdict:
		return true
	case *Clicked:
		return b.Verb == Judge
	case *Refused:
		return slices.ContainsFunc(i.Sayings, func(c Clicked) bool { return c.Click == b.Click })
	}
	return false
}

// Opinion is what several people say alike: the claim was right, or it was Cause
// at Root; a zero Cause says only that the claim was wrong.
type Opinion struct {
	Right bool
	Cause Cause
	Root  action.Ref
	By    []Person
}

// Opinions counts the verdicts, the most shared first, then in their order.
func (i Incident) Opinions() []Opinion {
	var out []Opinion
	for _, v := range i.Verdicts {
		n := slices.IndexFunc(out, func(o Opinion) bool {
			return o.Right == v.Right && o.Cause == v.Cause && o.Root.Same(v.Root)
		})
		if n < 0 {
			n, out = len(out), append(out, Opinion{Right: v.Right, Cause: v.Cause, Root: v.Root})
		}
		out[n].By = append(out[n].By, v.By)
	}
	slices.SortStableFunc(out, func(a, b Opinion) int { return len(b.By) - len(a.By) })
	return out
}

// hear adds the step that takes a verdict. It stands behind everything else in
// its lane, and outside of the lane in which votes are judged: a verdict that
// cannot be taken now must not keep a vote waiting.
func (d *due) hear() {
	if len(d.i.Sayings) > 0 {
		d.add(Talk, DoHear, d.i.Sayings[0].Click)
	}
}
