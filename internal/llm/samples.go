package llm

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// sampled asks the last question of a case again, all at once, and compares what
// holds up of the answers: an answer that a model gives every time says more
// than its own word. Samples that fail are left out; the first answer stands.
func (e *Explainer) sampled(ctx context.Context, c *dossier, q question, first []incident.Hypothesis, out *incident.Explained) []incident.Hypothesis {
	if e.samples < 2 || len(first) == 0 {
		return first
	}
	more := make([][]incident.Hypothesis, e.samples-1)
	came := make([]bool, e.samples-1)
	spent := make([]incident.Explained, e.samples-1)
	var wg sync.WaitGroup
	for i := range more {
		wg.Go(func() {
			again := q
			again.sample = i + 1
			a, err := e.answerTo(ctx, c.subject(), again, &spent[i])
			if came[i] = err == nil; came[i] {
				more[i] = c.judge(a.said, e.basis(e.answered(a.model)))
			}
		})
	}
	wg.Wait()
	answers := [][]incident.Hypothesis{first}
	for i := range more {
		out.Calls, out.Prompt, out.Answer = out.Calls+spent[i].Calls, out.Prompt+spent[i].Prompt, out.Answer+spent[i].Answer
		if came[i] { // an answer without a cause disagrees
			answers = append(answers, more[i])
		}
	}
	return agreed(answers)
}

// place is what makes two hypotheses of different answers the same. Prose is not
// compared: novel causes of one root count as one.
type place struct {
	cause incident.Cause
	root  action.Ref
}

// agreed merges answers to one question: most often first comes first, then by
// the model's own word. A fix stands where most of those that name the cause
// choose it.
func agreed(answers [][]incident.Hypothesis) []incident.Hypothesis {
	var out []incident.Hypothesis
	at := map[place]int{}
	fixes := map[place]map[int]int{}
	for _, list := range answers {
		for rank, h := range list {
			p := place{h.Cause, h.Root}
			i, known := at[p]
			if !known {
				i, at[p], fixes[p] = len(out), len(out), map[int]int{}
				h.Samples, h.Agreeing = len(answers), 0
				out = append(out, h)
			}
			fixes[p][h.Candidate]++
			if rank == 0 {
				out[i].Agreeing++
			}
		}
	}
	for i := range out {
		h := &out[i]
		h.Candidate = majority(fixes[place{h.Cause, h.Root}])
		h.Confidence.Basis = redact.Sprintf("%s; %s of %s answers put it first", h.Confidence.Basis, redact.Int(int64(h.Agreeing)), redact.Int(int64(h.Samples)))
	}
	slices.SortStableFunc(out, func(a, b incident.Hypothesis) int {
		return cmp.Or(cmp.Compare(b.Agreeing, a.Agreeing), cmp.Compare(b.SelfReport, a.SelfReport))
	})
	return out[:min(len(out), maxHypotheses)]
}

// majority is the candidate that more than half of the votes are for, else none.
func majority(votes map[int]int) int {
	all := 0
	for _, n := range votes {
		all += n
	}
	for candidate, n := range votes {
		if 2*n > all {
			return candidate
		}
	}
	return -1
}
