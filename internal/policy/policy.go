// Package policy asks the embedded Open Policy Agent about changes. The policy
// is compiled once; a decision is a pure function of the input, the settings and
// the policy, and carries the digests of all three.
//
// The package decides nothing itself. What the policy leaves undefined, answers
// in another shape or fails on is not an answer: the caller gets an error, and
// nothing happens.
package policy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Stage is the question. The zero value is none and is denied.
type Stage string

// The three questions.
const (
	Propose Stage = "propose" // may this change be offered at all
	Approve Stage = "approve" // does this person's press count
	Execute Stage = "execute" // may it be carried out now
)

// Execution is one change that was made, for quotas.
type Execution struct {
	Job       string    `json:"job"`
	Namespace string    `json:"namespace"`
	At        time.Time `json:"at"`
}

// Input is what the policy sees. Verb and Voter are set at stage Approve.
type Input struct {
	Stage      Stage               `json:"stage"`
	Now        time.Time           `json:"now"`
	Mode       incident.Mode       `json:"mode"`
	Action     action.Action       `json:"action"`
	Risk       string              `json:"risk"` // of the kind, filled by Decide
	Cause      incident.Cause      `json:"cause"`
	Confidence incident.Confidence `json:"confidence"`
	Facts      incident.Facts      `json:"facts"`
	DiffCut    bool                `json:"diffCut"`
	Rehearsed  bool                `json:"rehearsed"`
	Undo       bool                `json:"undo"`
	Verb       incident.Verb       `json:"verb"`
	Voter      incident.Identity   `json:"voter"`
	Requester  incident.Person     `json:"requester"`
	Approvals  []incident.Person   `json:"approvals"`
	// Signed are the ids of those among Approvals who signed outside Slack.
	Signed []string `json:"signed"`
	// Reason is what the voter gave at stage Approve, or any voter at Execute.
	Reason redact.Text `json:"reason"`
	// Glass is the broken glass of the incident that is still open at Now.
	Glass   *Glass      `json:"glass,omitempty"`
	History []Execution `json:"history"`
}

// Glass is what the policy sees of broken glass.
type Glass struct {
	Person incident.Person `json:"person"`
	Reason redact.Text     `json:"reason"`
}

// Settings are the policy's data.
type Settings struct {
	// Approvers are Slack user and user group ids by namespace; "*" is for the
	// namespaces that have no list of their own. An empty list means nobody.
	Approvers map[string][]string `json:"approvers"`
	Protected []string            `json:"protected"`
	Kinds     []action.Kind       `json:"kinds"`
	// Floor is the lower bound that a cause's confidence must reach, 0 to 1.
	Floor   float64        `json:"floor"`
	Quorum  map[string]int `json:"quorum"` // by risk
	PerHour int            `json:"perHour"`
}

// DefaultSettings name nobody as an approver.
func DefaultSettings() Settings {
	s := Settings{
		Approvers: map[string][]string{}, Floor: 0.75, PerHour: 10,
		Quorum:    map[string]int{"low": 1, "medium": 1, "high": 2},
		Protected: []string{"kube-system", "kube-public", "kube-node-lease", "gatekeeper-system", "countersign", "countersign-exec"},
	}
	for _, e := range action.Catalogue() {
		s.Kinds = append(s.Kinds, e.Kind)
	}
	return s
}

// Engine is a compiled policy with its settings.
type Engine struct {
	query    rego.PreparedEvalQuery
	settings Settings
	digest   action.Hash
	redactor *redact.Redactor
}

// New compiles source with settings. Errors name the line.
func New(ctx context.Context, source string, settings Settings, r *redact.Redactor) (*Engine, error) {
	if settings.Approvers == nil {
		settings.Approvers = map[string][]string{}
	}
	if settings.PerHour < 0 || settings.Floor < 0 || settings.Floor > 1 {
		return nil, fmt.Errorf("policy settings: floor %v must be between 0 and 1, perHour %d at least 0", settings.Floor, settings.PerHour)
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("encode policy settings: %w", err)
	}
	var data map[string]any
	if err := json.Unmarshal(raw, &data); err != nil {
		return nil, fmt.Errorf("encode policy settings: %w", err)
	}
	query, err := rego.New(
		rego.Query("data.countersign.decision"),
		rego.Module("countersign.rego", source),
		rego.Store(inmem.NewFromObject(map[string]any{"settings": data})),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("the policy does not compile: %w", err)
	}
	sum := sha256.Sum256(append(append([]byte("countersign/policy/v1\n"), raw...), source...))
	return &Engine{query: query, settings: settings, digest: action.Hash(hex.EncodeToString(sum[:])), redactor: r}, nil
}

// Digest names the policy and the settings.
func (e *Engine) Digest() action.Hash { return e.digest }

// Approvers are the ids that the settings name for a namespace, sorted.
func (e *Engine) Approvers(namespace string) []string {
	list, ok := e.settings.Approvers[namespace]
	if !ok {
		list = e.settings.Approvers["*"]
	}
	list = append([]string(nil), list...)
	sort.Strings(list)
	return list
}

// answer is the shape that the policy's decision must have.
type answer struct {
	Allow   *bool    `json:"allow"`
	Reasons []string `json:"reasons"`
	Quorum  int      `json:"quorum"`
	Risk    string   `json:"risk"`
}

// Decide asks the policy. A denial is a Decision with its reasons; an error
// means that there is no answer.
func (e *Engine) Decide(ctx context.Context, in Input) (incident.Decision, error) {
	entry, _ := action.Lookup(in.Action.Kind)
	in.Risk, in.Now = entry.Risk.String(), in.Now.UTC()
	raw, err := json.Marshal(in)
	if err != nil {
		return incident.Decision{}, fmt.Errorf("encode policy input: %w", err)
	}
	value, err := ast.ValueFromReader(bytes.NewReader(raw))
	if err != nil {
		return incident.Decision{}, fmt.Errorf("encode policy input: %w", err)
	}
	results, err := e.query.Eval(ctx, rego.EvalParsedInput(value))
	if err != nil {
		return incident.Decision{}, fmt.Errorf("ask the policy: %w", err)
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return incident.Decision{}, errors.New("the policy gives no decision")
	}
	got, err := decodeAnswer(results[0].Expressions[0].Value)
	if err != nil {
		return incident.Decision{}, err
	}
	sum := sha256.Sum256(append([]byte("countersign/policy-input/v1\n"), raw...))
	d := incident.Decision{
		Allow: *got.Allow, Quorum: got.Quorum, Risk: got.Risk,
		PolicyDigest: e.digest, InputDigest: action.Hash(hex.EncodeToString(sum[:])),
	}
	for _, reason := range got.Reasons {
		d.Reasons = append(d.Reasons, e.redactor.Redact(reason))
	}
	return d, nil
}

func decodeAnswer(value any) (answer, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return answer{}, fmt.Errorf("read the policy's decision: %w", err)
	}
	var got answer
	if err := json.Unmarshal(raw, &got); err != nil {
		return answer{}, fmt.Errorf("read the policy's decision: %w", err)
	}
	switch {
	case got.Allow == nil:
		return answer{}, errors.New("the policy's decision does not say allow")
	case *got.Allow && got.Quorum < 1:
		return answer{}, fmt.Errorf("the policy allows with a quorum of %d", got.Quorum)
	case *got.Allow && len(got.Reasons) > 0:
		return answer{}, errors.New("the policy allows and gives reasons against")
	}
	return got, nil
}
