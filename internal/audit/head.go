package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
)

const (
	chainDomain = "countersign/audit/v1\n"
	headDomain  = "countersign/audit-head/v1\n"
)

// Head is the signed end of the chain: how many records there are and the hash
// that stands for all of them.
type Head struct {
	Seq   int         `json:"seq"`
	Hash  action.Hash `json:"hash"`
	At    time.Time   `json:"at"`
	KeyID string      `json:"keyID"`
	Sig   []byte      `json:"sig,omitempty"`
}

// link is the hash of a record in its place.
func link(prev action.Hash, raw []byte) action.Hash {
	h := sha256.New()
	h.Write([]byte(chainDomain))
	h.Write([]byte(prev))
	h.Write([]byte("\n"))
	h.Write(raw)
	return action.Hash(hex.EncodeToString(h.Sum(nil)))
}

func (h Head) message() ([]byte, error) {
	h.Sig = nil
	raw, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode head: %w", err)
	}
	return append([]byte(headDomain), raw...), nil
}

func (h Head) sign(key action.SigningKey) (Head, error) {
	h.KeyID = key.ID
	message, err := h.message()
	if err != nil {
		return Head{}, err
	}
	h.Sig = ed25519.Sign(key.Private, message)
	return h, nil
}

// Valid reports whether one of keys signed the head.
func (h Head) Valid(keys action.Keys) bool {
	key, ok := keys[h.KeyID]
	message, err := h.message()
	return err == nil && ok && len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, h.Sig)
}

// same reports whether both vouch for the same records.
func (h Head) same(other Head) bool { return h.Seq == other.Seq && h.Hash == other.Hash }

// unwritten reports whether there is no head at all. An anchor that vouches for
// no record yet is signed all the same.
func (h Head) unwritten() bool { return h.Seq == 0 && h.Hash == "" && len(h.Sig) == 0 }
