package action

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

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
