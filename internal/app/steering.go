package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

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

// steering keeps the policy in force. What was adopted is in the log, one
// stream for each change, with names that count from 1; so a restart finds it
// without asking anybody, and a policy that was only written into the cluster
// is not in force.
type steering struct {
	base     policy.Settings // of the settings file and the environment
	source   string          // alike
	redactor *redact.Redactor
	log      *slog.Logger
	load     func(ctx context.Context, id incident.ID) (incident.Incident, error)
	announce func(ctx context.Context, id incident.ID, s incident.Steered) error

	mu      sync.Mutex
	live    *policy.Live
	streams int                // how many there are
	pending *incident.Incident // the last one, while it waits
	wanted  action.Hash        // of what the cluster and the settings say now
}

// agreements is how many people have to agree to what makes anything easier.
const agreements = 2

// start finds the policy in force. Without any, the one that is wanted is the
// first.
func (s *steering) start(ctx context.Context) (*policy.Live, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted, err := policy.New(ctx, s.source, s.base, s.redactor)
	if err != nil {
		return nil, err
	}
	inForce := wanted
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
			if inForce, err = engineOf(ctx, *i.Steered.Policy, s.redactor); err != nil {
				return nil, fmt.Errorf("the policy that was adopted (incident %s): %w", i.ID, err)
			}
		case i.Waiting() || i.Agreeing():
			s.pending = &i
		}
	}
	s.live, err = policy.NewLive(ctx, inForce.LogTo(s.log))
	return s.live, err
}

func policyStream(n int) incident.ID { return steeringID(action.PolicyName, strconv.Itoa(n)) }

func engineOf(ctx context.Context, text incident.PolicyText, r *redact.Redactor) (*policy.Engine, error) {
	var settings policy.Settings
	if err := json.Unmarshal([]byte(text.Settings), &settings); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return policy.New(ctx, text.Source, settings, r)
}

// Consider takes what the ConfigMap says. What makes nothing easier is in force
// at once; the rest waits for people to agree. What makes no sense is announced
// and changes nothing.
func (s *steering) Consider(ctx context.Context, data map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	source := s.source
	if text, ok := data[policySource]; ok {
		source = text
	}
	settings, err := policy.ParseSettings([]byte(data[policySettings]), s.base)
	var wanted *policy.Engine
	if err == nil {
		wanted, err = policy.New(ctx, source, settings, s.redactor)
	}
	if err == nil {
		err = wanted.Check(ctx)
	}
	if err != nil {
		s.wanted = ""
		s.log.Error("the new policy is refused; the one in force stays", "configmap", action.PolicyName, "err", err)
		return s.announce(ctx, steeringID(action.PolicyName, "refused", string(digestOf(data))), incident.Steered{
			What: incident.NewPolicy, Old: s.live.Digest(),
			Reason: redact.Sprintf("refused, the policy in force stays: %s", s.redactor.Redact(err.Error()).Truncate(400)),
		})
	}
	s.wanted = wanted.Digest()
	if s.wanted == s.live.Digest() && s.streams > 0 || s.pending != nil && s.pending.Steered.New == s.wanted {
		return nil
	}
	return s.propose(ctx, wanted)
}

// propose writes the wanted policy down, and takes it over where nobody has to
// agree.
func (s *steering) propose(ctx context.Context, wanted *policy.Engine) error {
	raw, err := json.Marshal(wanted.Settings())
	if err != nil {
		return fmt.Errorf("encode policy settings: %w", err)
	}
	now := s.live.Engine()
	said := incident.Steered{
		What: incident.NewPolicy, Old: now.Digest(), New: wanted.Digest(),
		Policy: &incident.PolicyText{Source: wanted.Source(), Settings: string(raw)},
	}
	if s.streams == 0 {
		said.Old, said.Reason = "", redact.Literal("first start")
	} else {
		for _, sentence := range policy.Widens(now.Settings(), wanted.Settings(), now.Source(), wanted.Source()) {
			said.Wider = append(said.Wider, s.redactor.Redact(sentence))
		}
	}
	if len(said.Wider) > 0 {
		said.Agree = needed(now.ApproversFor("*", nil))
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
		return errors.New("another replica announced another policy at the same time")
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
	e, err := engineOf(ctx, *said.Policy, s.redactor)
	if err != nil {
		return err
	}
	if err := s.live.Reload(ctx, e.Source(), e.Settings()); err != nil {
		return err
	}
	s.pending = nil
	s.log.Warn("another policy is in force", "old", said.Old.Short(), "new", said.New.Short())
	return nil
}

// Adopt puts into force what people agreed on, if it is still what the cluster
// says.
func (s *steering) Adopt(ctx context.Context, digest action.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live.Digest() == digest {
		return nil
	}
	if s.pending == nil || s.pending.Steered.New != digest || s.wanted != digest {
		return respond.ErrGone
	}
	return s.take(ctx, *s.pending.Steered)
}
