package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/respond"
)

// The keys of the policy's ConfigMap.
const (
	policySource   = "policy.rego"
	policySettings = "settings.yaml"
)

// steering keeps the policy and the signers in force. What was adopted is in the
// log, one stream for each change, with names that count from 1; so a restart
// finds it without asking anybody, and what was only written into the cluster is
// not in force.
type steering struct {
	base     policy.Settings // of the settings file and the environment
	source   string          // alike
	redactor *redact.Redactor
	log      *slog.Logger
	load     func(ctx context.Context, id incident.ID) (incident.Incident, error)
	announce func(ctx context.Context, id incident.ID, s incident.Steered) error

	live    *policy.Live
	signers atomic.Pointer[action.AllowedSigners]

	mu      sync.Mutex
	text    incident.PolicyText          // in force
	streams int                          // how many there are
	pending *incident.Incident           // the last one, while it waits
	wanted  action.Hash                  // of what the cluster and the settings say now
	said    map[string]map[string]string // data of the ConfigMaps, by name
}

// agreements is how many people have to agree to what makes anything easier.
const agreements = 2

// start finds what is in force. Without any, what the settings say is the first.
func (s *steering) start(ctx context.Context) (*policy.Live, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = map[string]map[string]string{}
	text, err := s.wantedText()
	if err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		i, err := s.load(ctx, policyStream(n))
		if err != nil {
			return nil, fmt.Errorf("read the policy that was adopted: %w", err)
		}
		if i.ID == "" {
			break
		}
		s.streams, s.pending = n, nil
		switch {
		case i.Steered == nil || i.Steered.Policy == nil:
		case i.Steered.Agree == 0 || i.Adopted != nil && i.Adopted.Failure.IsEmpty():
			text = *i.Steered.Policy
		case i.Waiting() || i.Agreeing():
			s.pending = &i
		}
	}
	now, err := rule(ctx, text, s.redactor)
	if err != nil {
		return nil, fmt.Errorf("the policy that was adopted: %w", err)
	}
	s.text = text
	s.signers.Store(&now.signers)
	s.live, err = policy.NewLive(ctx, now.engine.LogTo(s.log))
	return s.live, err
}

func policyStream(n int) incident.ID { return steeringID(action.PolicyName, strconv.Itoa(n)) }

// groups are the user groups that the policy in force names, and before there is
// one those of the settings.
func (s *steering) groups() []string {
	if s.live == nil {
		return s.base.Groups()
	}
	return s.live.Engine().Settings().Groups()
}

// Signers are the keys of the second factor that were adopted.
func (s *steering) Signers() action.AllowedSigners { return *s.signers.Load() }

// wantedText is what the settings and the cluster say now.
func (s *steering) wantedText() (incident.PolicyText, error) {
	said := s.said[action.PolicyName]
	text := incident.PolicyText{Source: s.source, Signers: s.said[action.SignersName][action.SignersKey]}
	if source, ok := said[policySource]; ok {
		text.Source = source
	}
	settings, err := policy.ParseSettings([]byte(said[policySettings]), s.base)
	if err != nil {
		return text, err
	}
	raw, err := json.Marshal(settings)
	text.Settings = string(raw)
	return text, err
}

// Consider takes what one of the ConfigMaps says. What makes nothing easier is
// in force at once; the rest waits for people to agree. What makes no sense is
// announced and changes nothing.
func (s *steering) Consider(ctx context.Context, name string, data map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said[name] = data
	if _, known := s.said[action.PolicyName]; !known || len(s.said) < 2 {
		return nil // the other one is read in a moment: both are one ruling
	}
	text, err := s.wantedText()
	var wanted ruling
	if err == nil {
		wanted, err = rule(ctx, text, s.redactor)
	}
	if err != nil {
		s.wanted = ""
		s.log.Error("what the cluster says is refused; what is in force stays", "configmap", name, "err", err)
		return s.announce(ctx, steeringID(name, "refused", string(digestOf(data))), incident.Steered{
			What: incident.NewPolicy, Old: s.live.Digest(),
			Reason: redact.Sprintf("refused, what is in force stays: %s", s.redactor.Redact(err.Error()).Truncate(400)),
		})
	}
	now, err := rule(ctx, s.text, s.redactor)
	if err != nil {
		return err
	}
	s.wanted = wanted.digest()
	if s.wanted == now.digest() && s.streams > 0 || s.pending != nil && s.pending.Steered.New == s.wanted {
		return nil
	}
	return s.propose(ctx, now, wanted)
}

// propose writes down what is wanted, and takes it over where nobody has to
// agree.
func (s *steering) propose(ctx context.Context, now, wanted ruling) error {
	said := incident.Steered{What: incident.NewPolicy, Old: now.digest(), New: wanted.digest(), Policy: &wanted.text}
	if now.engine.Digest() == wanted.engine.Digest() {
		said.What = incident.Signers
	}
	if s.streams == 0 {
		said.What, said.Old, said.Reason = incident.NewPolicy, "", redact.Literal("first start")
	} else {
		for _, sentence := range append(
			policy.Widens(now.engine.Settings(), wanted.engine.Settings(), now.text.Source, wanted.text.Source),
			wanted.signers.Beyond(now.signers)...) {
			said.Wider = append(said.Wider, s.redactor.Redact(sentence))
		}
	}
	if len(said.Wider) > 0 {
		said.Agree = needed(now.engine.ApproversFor("*", nil))
	}
	id := policyStream(s.streams + 1)
	if err := s.announce(ctx, id, said); err != nil {
		return err
	}
	i, err := s.load(ctx, id)
	if err != nil {
		return err
	}
	s.streams++
	if i.Steered == nil || i.Steered.New != said.New {
		return errors.New("another replica announced another change at the same time")
	}
	if i.Steered.Agree > 0 {
		s.pending = &i
		return nil
	}
	return s.take(ctx, said)
}

// needed is how many of the approvers have to agree: two, or all there are.
// Where nobody is named nobody could ever agree, and the announcement is all.
func needed(approvers []string) int {
	for _, id := range approvers {
		if id[0] == 'S' {
			return agreements // a group may have any number of members
		}
	}
	return min(agreements, len(approvers))
}

func (s *steering) take(ctx context.Context, said incident.Steered) error {
	r, err := rule(ctx, *said.Policy, s.redactor)
	if err != nil {
		return err
	}
	if err := s.live.Reload(ctx, r.engine.Source(), r.engine.Settings()); err != nil {
		return err
	}
	s.signers.Store(&r.signers)
	s.text, s.pending = r.text, nil
	s.log.Warn("another policy is in force", "old", said.Old.Short(), "new", said.New.Short())
	return nil
}

// Adopt puts into force what people agreed on, if it is still what the cluster
// says.
func (s *steering) Adopt(ctx context.Context, digest action.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := rule(ctx, s.text, s.redactor)
	if err != nil {
		return err
	}
	if now.digest() == digest {
		return nil
	}
	if s.pending == nil || s.pending.Steered.New != digest || s.wanted != digest {
		return respond.ErrGone
	}
	return s.take(ctx, *s.pending.Steered)
}
