package action

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// digestDomain separates these digests from every other SHA-256 and carries
// the version of the format.
const digestDomain = "countersign/action/v1\n"

// Terms are what a person countersigns. Stamped says that the three stamps of
// requirement C10 will be written beside the change; their values are in the
// Order. Policy is the digest of the policy under which the action was offered.
type Terms struct {
	Action    Action    `json:"action"`
	Stamped   bool      `json:"stamped"`
	Policy    Hash      `json:"policy"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// NewTerms fixes the terms of an action: the expiry is cut to whole seconds of
// UTC, so that one meaning has one encoding.
func NewTerms(a Action, policy Hash, expires time.Time) Terms {
	return Terms{Action: a, Stamped: a.Kind != DeletePod, Policy: policy, ExpiresAt: expires.UTC().Truncate(time.Second)}
}

// Canonical returns the bytes that Digest hashes. Structs only, no maps, no
// floats: encoding/json writes them in one way.
func (t Terms) Canonical() ([]byte, error) {
	if err := t.Action.Validate(); err != nil {
		return nil, err
	}
	if t.Stamped != (t.Action.Kind != DeletePod) {
		return nil, fmt.Errorf("terms of %s cannot say stamped=%t", t.Action.Kind, t.Stamped)
	}
	if t.Policy != "" && !t.Policy.Valid() {
		return nil, errors.New("the policy digest is malformed")
	}
	if t.ExpiresAt.IsZero() || t.ExpiresAt.Location() != time.UTC || t.ExpiresAt.Nanosecond() != 0 {
		return nil, errors.New("the expiry is not a whole second of UTC")
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode terms: %w", err)
	}
	return raw, nil
}

// SignaturePayload is the message that an approver signs outside Slack: the
// format version and the canonical encoding. Its SHA-256 is the Digest, so that
// whoever signs a file can compare sha256sum with the card.
func (t Terms) SignaturePayload() ([]byte, error) {
	raw, err := t.Canonical()
	if err != nil {
		return nil, err
	}
	return append([]byte(digestDomain), raw...), nil
}

// Digest is the SHA-256 over the format version and the canonical encoding.
func (t Terms) Digest() (Hash, error) {
	raw, err := t.SignaturePayload()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return Hash(hex.EncodeToString(sum[:])), nil
}

// ParseTerms decodes canonical bytes and refuses every other spelling of the
// same terms: unknown fields, other order, other white space.
func ParseTerms(raw []byte) (Terms, error) {
	var t Terms
	if err := strictJSON(raw, &t); err != nil {
		return Terms{}, fmt.Errorf("decode terms: %w", err)
	}
	t.ExpiresAt = t.ExpiresAt.UTC()
	again, err := t.Canonical()
	if err != nil {
		return Terms{}, err
	}
	if !bytes.Equal(raw, again) {
		return Terms{}, errors.New("terms are not in their canonical form")
	}
	return t, nil
}

// strictJSON decodes exactly one JSON value without unknown fields.
func strictJSON(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	// Not dec.More(): at the top level that takes a stray ] or } for an end.
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("trailing data")
	}
	return nil
}
