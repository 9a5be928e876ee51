package action

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Mode says what an executor may do with an Order. The zero value is nothing.
type Mode string

// The modes. Each is also the letter in the Job's name, which admission reads.
const (
	Rehearse Mode = "rehearse" // server-side dry run; admission holds the pod to it
	Apply    Mode = "apply"
	Probe    Mode = "probe" // try what must be refused, on an object of ours
)

// MaxOrder bounds the encoded Order, which travels in one environment variable.
const MaxOrder = 64 << 10

// OrderLife is how long an Order may be carried out. It is shorter than the
// 120 s for which a finished Job keeps its name, so that a replayed Order meets
// either its Job or its expiry.
const OrderLife = 60 * time.Second

// ClockSlack is how far an Order's expiry may lie beyond OrderLife when an
// executor reads it: the API server's Date is cut to whole seconds, and the
// gate may have read it from another server.
const ClockSlack = 5 * time.Second

// The two refusals that callers tell apart from a malformed Order.
var (
	ErrOrderExpired   = errors.New("outside its time")
	ErrOrderSignature = errors.New("not signed by a trusted key")
)

const orderDomain = "countersign/order/v1\n"

// Order instructs an executor to carry out Terms once. Proposal is the digest
// of Terms; Decision that of the policy decision which let it pass. After is
// the bound hash that the rehearsal predicted; an Apply whose own dry run gives
// another one stops.
type Order struct {
	Execution string  `json:"execution"`
	Incident  string  `json:"incident"`
	Mode      Mode    `json:"mode"`
	Terms     Terms   `json:"terms"`
	Proposal  Hash    `json:"proposal"`
	Decision  Hash    `json:"decision"`
	After     Hash    `json:"after,omitempty"`
	Stamps    *Stamps `json:"stamps,omitempty"`
	// ApprovedBy names who approved an execution that leaves no stamps.
	ApprovedBy []string `json:"approvedBy,omitempty"`
	// Signatures are those of approvers outside Slack. The executor asks for one
	// where the target's namespace does, whatever the gate thinks.
	Signatures []Signature `json:"signatures,omitempty"`

	ExpiresAt time.Time `json:"expiresAt"`
	KeyID     string    `json:"keyID"`
	Sig       []byte    `json:"sig,omitempty"`
}

// SigningKey is the gate's Ed25519 key with the id by which executors know it.
type SigningKey struct {
	ID      string
	Private ed25519.PrivateKey
}

// Approvers are the Slack user ids of those who approved: what is stamped, or
// the Order's own list where nothing is.
func (o Order) Approvers() []string {
	if o.Stamps != nil {
		return o.Stamps.ApprovedBy
	}
	return o.ApprovedBy
}

// Sign fills Proposal, KeyID and Sig. It refuses an Order that VerifyOrder would
// refuse, so that a mistake shows at the gate and not in a pod.
func (o Order) Sign(key SigningKey) (Order, error) {
	if len(key.Private) != ed25519.PrivateKeySize || key.ID == "" {
		return Order{}, errors.New("sign order: the gate has no signing key")
	}
	digest, err := o.Terms.Digest()
	if err != nil {
		return Order{}, fmt.Errorf("sign order: %w", err)
	}
	o.Proposal, o.KeyID, o.Sig = digest, key.ID, nil
	if err := o.check(); err != nil {
		return Order{}, fmt.Errorf("sign order: %w", err)
	}
	message, err := o.message()
	if err != nil {
		return Order{}, err
	}
	o.Sig = ed25519.Sign(key.Private, message)
	if _, err := o.Encode(); err != nil { // too many signatures
		return Order{}, fmt.Errorf("sign order: %w", err)
	}
	return o, nil
}

func (o Order) message() ([]byte, error) {
	o.Sig = nil
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode order: %w", err)
	}
	return append([]byte(orderDomain), raw...), nil
}

// check holds every rule that does not need the key or the clock.
func (o Order) check() error {
	digest, err := o.Terms.Digest()
	switch {
	case err != nil:
		return err
	case digest != o.Proposal:
		return errors.New("the digest is not that of the terms")
	case o.Mode != Rehearse && o.Mode != Apply && o.Mode != Probe:
		return fmt.Errorf("mode %q does not exist", clip(string(o.Mode)))
	case !incidentPattern.MatchString(o.Incident):
		return fmt.Errorf("incident %q is not an incident's id", clip(o.Incident))
	case o.Decision != "" && !o.Decision.Valid(), o.After != "" && !o.After.Valid():
		return errors.New("a digest in the order is malformed")
	case o.Mode == Apply && !o.Terms.Policy.Valid():
		return errors.New("an execution needs the policy under which it was offered")
	case o.Mode == Apply && !o.Terms.Action.Bound.Valid():
		return errors.New("an action without a bound hash can only be rehearsed")
	case o.Mode == Apply && !o.Decision.Valid():
		return errors.New("an execution needs a policy decision")
	case o.Mode == Apply && o.Terms.Action.Kind != DeletePod && !o.After.Valid():
		return errors.New("an execution needs the hash that its rehearsal predicted")
	case o.Mode == Apply && o.Terms.Stamped && o.Stamps == nil:
		return errors.New("the terms promise stamps and the order has none")
	case !o.Terms.Stamped && o.Stamps != nil:
		return errors.New("the terms promise no stamps and the order has some")
	case o.Mode == Apply && o.Stamps != nil && len(o.Stamps.ApprovedBy) == 0:
		return errors.New("an execution needs the names of its approvers")
	case o.ExpiresAt.IsZero() || o.ExpiresAt.Location() != time.UTC:
		return errors.New("the order has no expiry in UTC")
	case o.Mode == Apply && o.ExpiresAt.After(o.Terms.ExpiresAt.Add(OrderLife)):
		return errors.New("the order outlives its approval")
	}
	if o.Stamps != nil {
		if err := o.Stamps.check(o); err != nil {
			return err
		}
	}
	if err := o.checkApprovers(); err != nil {
		return err
	}
	return checkJobName(o.Execution, o)
}

// checkApprovers holds the names and signatures of approvers to each other.
// Whether a signature is good, only AllowedSigners says.
func (o Order) checkApprovers() error {
	switch {
	case len(o.ApprovedBy) > 0 && o.Stamps != nil:
		return errors.New("the order names its approvers twice")
	case o.Mode != Apply && (len(o.ApprovedBy) > 0 || len(o.Signatures) > 0):
		return errors.New("only an execution has approvers and their signatures")
	}
	for _, who := range o.ApprovedBy {
		if !signerPattern.MatchString(who) {
			return fmt.Errorf("approver %q is not a Slack user id", clip(who))
		}
	}
	signed := map[string]bool{}
	for _, s := range o.Signatures {
		switch {
		case signed[s.Signer]:
			return fmt.Errorf("%s signed twice", clip(s.Signer))
		case !slices.Contains(o.Approvers(), s.Signer):
			return fmt.Errorf("%q signed and is no approver of this order", clip(s.Signer))
		}
		if err := s.check(); err != nil {
			return err
		}
		signed[s.Signer] = true
	}
	return nil
}
