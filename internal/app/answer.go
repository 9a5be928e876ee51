package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// AnswerOptions are the flags of approve and reject.
type AnswerOptions struct {
	LookOptions
	Incident string
	Reject   bool   // instead of approving
	Signer   string // Slack user id
	Key      string // private key, or the public one of a key in the agent
	Reason   string // for the audit, and where the policy asks for one
	Service  string // SERVICE:PORT of the gate in Namespace
	GateURL  string // instead of the API server's proxy
	Wait     time.Duration
	// Confirm shows what will be signed and asks; false signs nothing.
	Confirm func(text string) (bool, error)
	// Passphrase opens a key that has one.
	Passphrase func(prompt string) ([]byte, error)
}

// ErrNotSigned says that the offer was not answered, and nothing is wrong.
var ErrNotSigned = errors.New("nothing was signed")

// Answer fetches an offer from the gate, checks and shows it, signs its terms
// and sends the signature. It trusts nothing that the gate says but what the
// digest covers.
func Answer(ctx context.Context, o AnswerOptions, out io.Writer) error {
	gate, err := o.gate()
	if err != nil {
		return err
	}
	offer, err := gate.offer(ctx, o.Incident)
	if err != nil {
		return err
	}
	if offer.State != "offered" {
		return fmt.Errorf("incident %s has no open offer (%s)", o.Incident, redact.Name(offer.State))
	}
	terms, err := action.ParseTerms(offer.Terms)
	if err != nil {
		return fmt.Errorf("the gate's offer: %w", err)
	}
	digest, err := terms.Digest()
	if err != nil {
		return fmt.Errorf("the gate's offer: %w", err)
	}
	text, err := o.describe(terms, digest, offer)
	if err != nil {
		return err
	}
	agreed, err := o.Confirm(text)
	if err != nil {
		return err
	}
	if !agreed {
		return ErrNotSigned
	}
	key, done, err := o.key(ctx)
	if err != nil {
		return err
	}
	defer done()
	sign := action.SignTerms
	if o.Reject {
		sign = action.SignRejection
	}
	signature, err := sign(terms, o.Signer, key)
	if err != nil {
		return err
	}
	if err := gate.send(ctx, o, Signed{Digest: digest, Signature: signature, Reason: o.Reason}); err != nil {
		return err
	}
	fmt.Fprintf(out, "Signed the %s of digest %s and sent it.\n", o.noun(), digest.Short())
	return gate.follow(ctx, o, digest, out)
}

func (o AnswerOptions) noun() string {
	if o.Reject {
		return "rejection"
	}
	return "approval"
}

// describe shows what will be signed: first what the digest covers, as it is,
// then what only the gate says.
func (o AnswerOptions) describe(t action.Terms, digest action.Hash, offer Offer) (string, error) {
	raw, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	whole, err := yaml.JSONToYAML(raw)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "You are about to sign the %s of this, with digest %s:\n\n%s\n", o.noun(), digest, indent(redact.Name(string(whole)).String()))
	if offer.Diff != "" {
		fmt.Fprintf(&b, "The gate reports this diff of the rehearsal (not covered by your signature):\n\n%s\n", indent(redact.Name(offer.Diff).String()))
	}
	fmt.Fprintf(&b, "Approvals so far: %s of %d needed.\n", orNone(offer.Approvals), offer.Quorum)
	return b.String(), nil
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return redact.Name(strings.Join(list, ", ")).String()
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ") + "\n"
}
