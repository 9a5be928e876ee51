package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/policies"
)

// ruling is a policy and signers that were read and make sense.
type ruling struct {
	engine  *policy.Engine
	signers action.AllowedSigners
	text    incident.PolicyText
}

// digest names both, and is what people agree to.
func (r ruling) digest() action.Hash {
	sum := sha256.Sum256([]byte("countersign/ruling/v1\n" + string(r.engine.Digest()) + "\n" + r.text.Signers))
	return action.Hash(hex.EncodeToString(sum[:]))
}

// rule reads what was written. Errors name the line or the key.
func rule(ctx context.Context, text incident.PolicyText, r *redact.Redactor) (ruling, error) {
	var settings policy.Settings
	if err := json.Unmarshal([]byte(text.Settings), &settings); err != nil {
		return ruling{}, fmt.Errorf("policy settings: %w", err)
	}
	engine, err := policy.New(ctx, text.Source, settings, r)
	if err == nil {
		err = engine.Check(ctx)
	}
	if err != nil {
		return ruling{}, err
	}
	signers, err := action.ParseAllowedSigners(text.Signers)
	return ruling{engine: engine, signers: signers, text: text}, err
}

// basePolicy is the policy that the settings give, before what the cluster's
// ConfigMap says.
func basePolicy(ctx context.Context, s Settings, redactor *redact.Redactor) (policy.Settings, string, error) {
	source := policies.Source
	if s.PolicyFile != "" {
		raw, err := os.ReadFile(s.PolicyFile)
		if err != nil {
			return policy.Settings{}, "", fmt.Errorf("POLICY_FILE: %w", err)
		}
		source = string(raw)
	}
	settings := policy.DefaultSettings()
	approvers, err := s.Approvers()
	if err != nil {
		return policy.Settings{}, "", err
	}
	settings.Approvers, settings.PerHour, settings.Floor = approvers, s.ChangesPerHour, s.ConfidenceFloor
	settings.Protected = s.protected()
	engine, err := policy.New(ctx, source, settings, redactor)
	if err == nil {
		// A policy that does not answer would show at the first fault only.
		err = engine.Check(ctx)
	}
	if err != nil && s.PolicyFile != "" {
		said := strings.Join(strings.Split(err.Error(), "\n"), "; ") // OPA lists its findings on lines
		return policy.Settings{}, "", fmt.Errorf("POLICY_FILE %s (unset it for the policy that is built in): %s", s.PolicyFile, said)
	}
	return settings, source, err
}
