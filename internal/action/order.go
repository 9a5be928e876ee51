package action

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
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

// Stamps are the values of the three annotations of requirement C10.
type Stamps struct {
	Incident   string    `json:"incident"`
	ApprovedBy []string  `json:"approvedBy"`
	At         time.Time `json:"at"`
}

// stampPattern is what the admission policies accept as an annotation's value.
var (
	stampPattern    = regexp.MustCompile(`^[0-9A-Za-z,:.+_-]{0,120}$`)
	incidentPattern = regexp.MustCompile(`^[0-9a-z]{1,40}$`)
)

// Annotations are the three annotations of requirement C10.
func (s Stamps) Annotations() map[string]string {
	return map[string]string{
		"countersign.dev/incident":    s.Incident,
		"countersign.dev/approved-by": strings.Join(s.ApprovedBy, ","),
		"countersign.dev/at":          s.At.UTC().Format(time.RFC3339),
	}
}

func (s Stamps) check(o Order) error {
	if s.Incident != o.Incident {
		return errors.New("the stamps are of another incident")
	}
	if s.At.IsZero() || s.At.Location() != time.UTC {
		return errors.New("the stamped time is not in UTC")
	}
	for _, who := range s.ApprovedBy {
		if who == "" || strings.Contains(who, ",") {
			return fmt.Errorf("approver %q cannot be stamped", clip(who))
		}
	}
	for key, value := range s.Annotations() {
		if !stampPattern.MatchString(value) {
			return fmt.Errorf("stamp %s cannot hold %q", key, clip(value))
		}
	}
	return nil
}

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

// Encode gives the form in which the Order travels: base64url of its JSON.
func (o Order) Encode() (string, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("encode order: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	if len(text) > MaxOrder {
		return "", fmt.Errorf("the order has %d bytes, %d are allowed", len(text), MaxOrder)
	}
	return text, nil
}

// Keys are the public keys that an executor trusts, by id.
type Keys map[string]ed25519.PublicKey

// VerifyOrder returns the Order in text only if ReadOrder accepts it and now,
// which must be the API server's time, lies within its life. A zero now is a
// clock that nobody set and refuses every Order.
func VerifyOrder(text string, keys Keys, now time.Time) (Order, error) {
	o, err := ReadOrder(text, keys)
	if err != nil {
		return Order{}, err
	}
	if err := o.checkTime(now); err != nil {
		return Order{}, err
	}
	return o, nil
}

// ReadOrder decodes text and returns the Order only if its form is canonical,
// its signature is by one of keys and it breaks no rule but perhaps that of
// time. An executor calls VerifyOrder.
func ReadOrder(text string, keys Keys) (Order, error) {
	if len(text) > MaxOrder {
		return Order{}, fmt.Errorf("the order has %d bytes, %d are allowed", len(text), MaxOrder)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// Strict still skips line breaks, which would give one order many spellings.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != text {
		return Order{}, errors.New("the order is not base64url")
	}
	var o Order
	if err := strictJSON(raw, &o); err != nil {
		return Order{}, fmt.Errorf("decode order: %w", err)
	}
	if again, err := json.Marshal(o); err != nil || !bytes.Equal(raw, again) {
		return Order{}, errors.New("the order is not in its canonical form")
	}
	key, ok := keys[o.KeyID]
	if !ok || len(key) != ed25519.PublicKeySize {
		return Order{}, fmt.Errorf("%w: key %q is unknown", ErrOrderSignature, clip(o.KeyID))
	}
	message, err := o.message()
	if err != nil {
		return Order{}, err
	}
	if !ed25519.Verify(key, message, o.Sig) {
		return Order{}, fmt.Errorf("%w: the signature is wrong", ErrOrderSignature)
	}
	if err := o.check(); err != nil {
		return Order{}, err
	}
	return o, nil
}

// checkTime also refuses an expiry that no honest gate gives: an Order that
// lives longer than a Job keeps its name could be run again.
func (o Order) checkTime(now time.Time) error {
	switch {
	case now.IsZero():
		return fmt.Errorf("%w: no time was given (ReadOrder is for where it does not matter)", ErrOrderExpired)
	case !now.Before(o.ExpiresAt):
		return fmt.Errorf("%w: the order expired at %s, the API server's time is %s", ErrOrderExpired, o.ExpiresAt.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case o.ExpiresAt.After(now.Add(OrderLife + ClockSlack)):
		return fmt.Errorf("%w: the order expires at %s, later than an order may at %s", ErrOrderExpired, o.ExpiresAt.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// DecodeOrder reads an Order that its own author wrote down, without asking
// about keys or time. The executor never uses it.
func DecodeOrder(text string) (Order, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return Order{}, errors.New("the order is not base64url")
	}
	var o Order
	if err := strictJSON(raw, &o); err != nil {
		return Order{}, fmt.Errorf("decode order: %w", err)
	}
	o.ExpiresAt, o.Terms.ExpiresAt = o.ExpiresAt.UTC(), o.Terms.ExpiresAt.UTC()
	return o, nil
}
