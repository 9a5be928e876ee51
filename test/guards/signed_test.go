package guards_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/countersign-dev/countersign/internal/action"
)

// A gate that was taken over has the key and signs what Order.Sign would not.
// What the executor checks beyond the signature, it checks of such orders.
func TestAnOrderThatTheGatesKeySignedAgainstTheRulesIsRefused(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	key := action.SigningKey{ID: "k1", Private: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	public, _ := key.Private.Public().(ed25519.PublicKey)
	hash := func(s string) action.Hash { return action.Hash(strings.Repeat(s, 64)) }
	terms := func(change func(*action.Action)) action.Terms {
		a := action.Action{
			Kind: action.Restart, Bound: hash("b"), Params: action.Params{Restart: &action.RestartParams{At: "2026-11-20T14:00:00Z"}},
			Target: action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart", UID: "0b0f2e1c-9f3a-4c57-8a34-5d1f0e6c7a11"},
		}
		change(&a)
		return action.NewTerms(a, hash("f"), now.Add(10*time.Minute))
	}
	digest := func(terms action.Terms) action.Hash {
		d, err := terms.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	approved := terms(func(*action.Action) {})
	signedBy := func(who string) []action.Signature {
		signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 7)))
		if err != nil {
			t.Fatal(err)
		}
		s, err := action.SignTerms(approved, who, signer)
		if err != nil {
			t.Fatal(err)
		}
		return []action.Signature{s}
	}
	for name, c := range map[string]struct {
		terms      action.Terms
		proposal   action.Hash
		signatures []action.Signature
		good       bool
	}{
		"what was approved":                             {approved, digest(approved), nil, true},
		"what was approved, and signed by who approved": {approved, digest(approved), signedBy("U02ALICE"), true},
		"a signature of somebody who did not approve":   {approved, digest(approved), signedBy("U03BOB"), false},
		"other terms under the approved digest":         {terms(func(a *action.Action) { a.Target.Name = "payments" }), digest(approved), nil, false},
		"terms that bind nothing":                       {unbound(terms), digest(unbound(terms)), nil, false},
	} {
		o := action.Order{
			Execution: "cs-a-" + c.terms.Action.Target.UID + "-" + c.proposal.Short(), Incident: "i0123456789ab", Mode: action.Apply,
			Terms: c.terms, Proposal: c.proposal, Decision: hash("1"), After: hash("2"), KeyID: key.ID, Signatures: c.signatures, ExpiresAt: now.Add(action.OrderLife),
			Stamps: &action.Stamps{Incident: "i0123456789ab", ApprovedBy: []string{"U02ALICE"}, At: now},
		}
		_, err := action.VerifyOrder(signedByHand(t, o, key), action.Keys{key.ID: public}, now)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func unbound(terms func(func(*action.Action)) action.Terms) action.Terms {
	return terms(func(a *action.Action) { a.Bound = "" })
}

// signedByHand signs an order as Order.Sign does, without asking whether it may.
func signedByHand(t *testing.T, o action.Order, key action.SigningKey) string {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Sig = ed25519.Sign(key.Private, append([]byte("countersign/order/v1\n"), raw...))
	if raw, err = json.Marshal(o); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
