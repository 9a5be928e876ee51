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
	"log/slog"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// sourceName is how errors name the policy.
const sourceName = "countersign.rego"

// Engine is a compiled policy with its settings.
type Engine struct {
	query    rego.PreparedEvalQuery
	source   string
	settings Settings
	windows  []window
	digest   action.Hash
	redactor *redact.Redactor
	log      *slog.Logger
}

// New compiles source with settings. Errors name the line or the key.
func New(ctx context.Context, source string, settings Settings, r *redact.Redactor) (*Engine, error) {
	settings = settings.whole()
	windows, err := settings.check()
	if err != nil {
		return nil, err
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
		rego.Module(sourceName, source),
		rego.Store(inmem.NewFromObjectWithOpts(map[string]any{"settings": data}, inmem.OptReturnASTValuesOnRead(true))),
		rego.StrictBuiltinErrors(true),
		rego.UnsafeBuiltins(impure()),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("the policy does not compile: %w", err)
	}
	sum := sha256.Sum256(append(append([]byte("countersign/policy/v1\n"), raw...), source...))
	return &Engine{
		query: query, source: source, settings: settings, windows: windows,
		digest: action.Hash(hex.EncodeToString(sum[:])), redactor: r, log: slog.New(slog.DiscardHandler),
	}, nil
}

// impure are the built-in functions that ask the network, the clock, chance or
// the environment. A decision that used one would not be what its digests name,
// and who may edit the policy could send with it what the gate knows.
func impure() map[string]struct{} {
	names := map[string]struct{}{}
	for _, b := range ast.Builtins {
		if b.Nondeterministic {
			names[b.Name] = struct{}{}
		}
	}
	return names
}

// LogTo makes the engine log every decision.
func (e *Engine) LogTo(log *slog.Logger) *Engine {
	with := *e
	with.log = log
	return &with
}

// Check asks what every policy must be able to answer, and must answer with no:
// a question that says nothing, at each stage.
func (e *Engine) Check(ctx context.Context) error {
	for _, stage := range []Stage{Propose, Approve, Execute, Steer} {
		d, err := e.decide(ctx, Input{Stage: stage, Mode: incident.ModeOff})
		if err != nil {
			return fmt.Errorf("stage %s: %w", stage, err)
		}
		if d.Allow {
			return fmt.Errorf("stage %s: the policy allows a question that says nothing", stage)
		}
	}
	return nil
}

// Digest names the policy and the settings.
func (e *Engine) Digest() action.Hash { return e.digest }

// Source is the policy's text.
func (e *Engine) Source() string { return e.source }

// Settings are a copy of those in force.
func (e *Engine) Settings() Settings { return e.settings.whole() }

// Approvers are the ids that the settings name for a namespace, sorted. The
// namespace's team is left out of it: see ApproversFor.
func (e *Engine) Approvers(namespace string) []string { return e.ApproversFor(namespace, nil) }

// ApproversFor are the ids that the settings name for a namespace with these
// labels, sorted.
func (e *Engine) ApproversFor(namespace string, labels []incident.Label) []string {
	team := ""
	for _, l := range labels {
		if l.Key == TeamLabel {
			team = l.Value
		}
	}
	ids := list(e.settings.approversOf(namespace, team))
	slices.Sort(ids)
	return ids
}

// Decide asks the policy. A denial is a Decision with its reasons; an error
// means that there is no answer.
func (e *Engine) Decide(ctx context.Context, in Input) (incident.Decision, error) {
	d, err := e.decide(ctx, in)
	if err != nil {
		return incident.Decision{}, err
	}
	if e.log.Enabled(ctx, slog.LevelInfo) {
		reasons := redact.Join("; ", d.Reasons...)
		e.log.LogAttrs(ctx, slog.LevelInfo, "policy decided",
			slog.String("stage", string(in.Stage)), slog.Bool("allow", d.Allow),
			slog.String("policyDigest", string(d.PolicyDigest)), slog.String("inputDigest", string(d.InputDigest)),
			slog.String("kind", redact.Name(string(in.Action.Kind)).String()),
			slog.String("namespace", redact.Name(in.Action.Target.Namespace).String()),
			slog.String("reasons", reasons.String()))
	}
	return d, nil
}

func (e *Engine) decide(ctx context.Context, in Input) (incident.Decision, error) {
	raw, err := json.Marshal(e.complete(in))
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
	d, reasons, err := readAnswer(results[0].Expressions[0].Value)
	if err != nil {
		return incident.Decision{}, err
	}
	for _, reason := range reasons {
		d.Reasons = append(d.Reasons, e.redactor.Redact(reason))
	}
	sum := sha256.Sum256(append([]byte("countersign/policy-input/v1\n"), raw...))
	d.PolicyDigest, d.InputDigest = e.digest, action.Hash(hex.EncodeToString(sum[:]))
	return d, nil
}

// oneLine is an error of OPA, which lists its findings on lines of their own.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\t' }), "; ")
}
