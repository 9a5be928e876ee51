package llm

import (
	"sync"
	"time"
)

// Account is what the model has done and cost since the process started. The
// counts only grow.
type Account struct {
	// Explained are the cases that the model was to explain; Answered those with
	// hypotheses.
	Explained, Answered int
	// Calls are requests that were sent, CallsFailed those without an answer.
	Calls, CallsFailed int
	// What was not sent: because a rule had proven the cause, because the same
	// question had an answer, because a budget was spent.
	AvoidedByRules, AvoidedByMemory, AvoidedByBudget int
	// Questions are what the model asked of the cluster, Refused those that
	// brought nothing.
	Questions, Refused int
	PromptTokens       int
	OutputTokens       int
	// Cost is in the currency of the configured prices; 0 without them.
	Cost float64
	// Waited is how long all calls took together.
	Waited time.Duration
}

// accountant keeps the Account.
type accountant struct {
	priceIn, priceOut float64

	mu  sync.Mutex
	sum Account
}

func (a *accountant) change(f func(*Account)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&a.sum)
}

// cost is what tokens cost at the configured prices.
func (a *accountant) cost(prompt, output int) float64 {
	return (float64(prompt)*a.priceIn + float64(output)*a.priceOut) / 1e6
}

func (a *accountant) called(prompt, output int, took time.Duration, failed bool) {
	a.change(func(s *Account) {
		s.Calls++
		if failed {
			s.CallsFailed++
		}
		s.PromptTokens += prompt
		s.OutputTokens += output
		s.Cost += a.cost(prompt, output)
		s.Waited += took
	})
}

func (a *accountant) explained(answered bool) {
	a.change(func(s *Account) {
		s.Explained++
		if answered {
			s.Answered++
		}
	})
}

func (a *accountant) asked(answered bool) {
	a.change(func(s *Account) {
		s.Questions++
		if !answered {
			s.Refused++
		}
	})
}

func (a *accountant) remembered() { a.change(func(s *Account) { s.AvoidedByMemory++ }) }
func (a *accountant) overBudget() { a.change(func(s *Account) { s.AvoidedByBudget++ }) }

// Account is what the model has done and cost so far.
func (e *Explainer) Account() Account {
	e.account.mu.Lock()
	defer e.account.mu.Unlock()
	return e.account.sum
}

// Spared counts a case that a rule decided, so that the model was not asked.
func (e *Explainer) Spared() { e.account.change(func(s *Account) { s.AvoidedByRules++ }) }
