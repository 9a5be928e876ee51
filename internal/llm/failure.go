package llm

import (
	"errors"
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
)

// failure is why a call brought no answer: a fixed sentence for people, and the
// chain for operators.
type failure struct {
	why     redact.Text
	err     error         // may quote the service: redact before it is logged
	again   bool          // another try may help
	after   time.Duration // the service asks for this pause before another try; 0 where it names none
	daily   bool          // nothing helps before tomorrow
	spent   bool          // a budget of ours: nobody was asked
	plainer bool          // the endpoint refused the form of answers; the next try asks for a simpler one, at once
	service bool          // the service itself is in trouble
	status  int           // HTTP status, 0 without one
}

// Error is for operators.
func (f *failure) Error() string {
	if f.err == nil {
		return f.why.String()
	}
	return f.why.String() + ": " + f.err.Error()
}

// Unwrap gives the reason.
func (f *failure) Unwrap() error { return f.err }

// errSecret is the guard's refusal to send a request.
var errSecret = errors.New("the redactor finds something in the request")

// errTooLong ends an answer beyond maxResponse.
var errTooLong = errors.New("the response is too long")

// sentence says a reason to people. The list is closed: nothing that a model or
// its service wrote reaches people this way.
type sentence int

const (
	saidRefused sentence = iota + 1
	saidCut
	saidEmpty
	saidWrongForm
	saidNothing
	saidMinute
	saidDay
	saidBusy
	saidServer
	saidUnreachable
	saidSlow
	saidKey
	saidNoModel
	saidRejected
	saidCalls
	saidCallsDay
	saidTokens
	saidTokensDay
	saidBroken
	saidSecret
	saidNoEvidence
)

// text is the sentence itself, without a full stop: the card puts it into one
// of its own.
func (s sentence) text() redact.Text {
	switch s {
	case saidRefused:
		return redact.Literal("the model refused the request")
	case saidCut:
		return redact.Literal("the model's answer was cut off")
	case saidEmpty:
		return redact.Literal("the model's answer was empty")
	case saidWrongForm:
		return redact.Literal("the model's answer was not in the form that was asked for")
	case saidNothing:
		return redact.Literal("nothing in the model's answer held up against the evidence")
	case saidMinute:
		return redact.Literal("the quota of the model's service is used up for the moment")
	case saidDay:
		return redact.Literal("the quota of the model's service is used up for today; it is asked again tomorrow")
	case saidBusy:
		return redact.Literal("the model is overloaded")
	case saidServer:
		return redact.Literal("the model's service had an error")
	case saidUnreachable:
		return redact.Literal("the model's service could not be reached")
	case saidSlow:
		return redact.Literal("the model did not answer in time")
	case saidKey:
		return redact.Literal("the model's service does not accept AI_API_KEY")
	case saidNoModel:
		return redact.Literal("the model's service does not know the model that AI_MODEL names")
	case saidRejected:
		return redact.Literal("the model's service rejected the request")
	case saidCalls:
		return redact.Literal("the budget of model calls for this hour is used up")
	case saidCallsDay:
		return redact.Literal("the budget of model calls for this day is used up")
	case saidTokens:
		return redact.Literal("the budget of model text for this incident is used up")
	case saidTokensDay:
		return redact.Literal("the budget of model text for this day is used up")
	case saidBroken:
		return redact.Literal("the model's service failed several times in a row; it is tried again in a few minutes")
	case saidSecret:
		return redact.Literal("withheld: the request still held something secret")
	case saidNoEvidence:
		return redact.Literal("there is no evidence to show to a model")
	}
	return redact.Literal("the model could not be asked")
}

// fails makes a failure that no retry helps.
func fails(s sentence, err error) *failure { return &failure{why: s.text(), err: err} }

// spent makes the failure of a budget.
func spent(s sentence) *failure { return &failure{why: s.text(), spent: true} }

// troubled makes the failure of a service that another try may find well.
func troubled(s sentence, err error) *failure {
	return &failure{why: s.text(), err: err, again: true, service: true}
}

// httpFailure classifies an answer by its status alone.
func httpFailure(status int, err error) *failure {
	f := &failure{err: err, status: status}
	switch {
	case status == 429:
		f.why, f.again = saidMinute.text(), true
	case status == 401 || status == 403:
		f.why = saidKey.text()
	case status == 404:
		f.why = saidNoModel.text()
	case status == 503 || status == 529:
		f.why, f.again, f.service = saidBusy.text(), true, true
	case status >= 500 || status == 408:
		f.why, f.again, f.service = saidServer.text(), status != 501, true
	default:
		f.why = saidRejected.text()
	}
	return f
}
