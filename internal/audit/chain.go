package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

const (
	chainDomain = "countersign/audit/v1\n"
	headDomain  = "countersign/audit-head/v1\n"
)

// Log is the store's one order of records.
type Log interface {
	Log(ctx context.Context, n, limit int) ([]incident.Record, error)
}

// Anchor keeps the head outside the store.
type Anchor interface {
	// Read returns the head kept last; the zero Head when there is none.
	Read(ctx context.Context) (Head, error)
	Write(ctx context.Context, h Head) error
}

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

// Chain follows a log and anchors its head.
type Chain struct {
	log    Log
	anchor Anchor
	key    action.SigningKey
	now    func() time.Time
	logger *slog.Logger

	mu       sync.Mutex
	seq      int
	hash     action.Hash
	anchored time.Time // when the head last matched the anchor
}

// NewChain makes a chain; nothing is read before Run.
func NewChain(log Log, anchor Anchor, key action.SigningKey, now func() time.Time, logger *slog.Logger) *Chain {
	return &Chain{log: log, anchor: anchor, key: key, now: now, logger: logger}
}

// batch bounds how many records are in memory at once.
const batch = 256

// advance hashes what has been appended since; changed says whether anything was.
func (c *Chain) advance(ctx context.Context) (changed bool, err error) {
	for {
		records, err := c.log.Log(ctx, c.seq, batch)
		if err != nil {
			return changed, err
		}
		c.mu.Lock()
		for _, r := range records {
			c.hash = link(c.hash, r.Raw)
			c.seq++
		}
		c.mu.Unlock()
		if len(records) == 0 {
			return changed, nil
		}
		changed = true
	}
}

// ForgottenError says that the store holds fewer or other records than the
// anchor vouches for.
type ForgottenError struct {
	Anchored Head
	Have     int
}

func (e *ForgottenError) Error() string {
	return fmt.Sprintf("the store has %d records and the audit anchor vouches for %d: records were lost or changed", e.Have, e.Anchored.Seq)
}

// Check compares the store with the anchor, once, before anything is decided on
// its records.
func (c *Chain) Check(ctx context.Context, keys action.Keys) error {
	kept, err := c.anchor.Read(ctx)
	if err != nil {
		return fmt.Errorf("read the audit anchor: %w", err)
	}
	if kept.Seq == 0 {
		return nil
	}
	if !kept.Valid(keys) {
		return fmt.Errorf("the audit anchor's signature is wrong (key %q)", kept.KeyID)
	}
	var hash action.Hash
	n := 0
	for n < kept.Seq {
		records, err := c.log.Log(ctx, n, min(batch, kept.Seq-n))
		if err != nil {
			return err
		}
		if len(records) == 0 {
			break
		}
		for _, r := range records {
			hash = link(hash, r.Raw)
			n++
		}
	}
	if n != kept.Seq || hash != kept.Hash {
		return &ForgottenError{Anchored: kept, Have: n}
	}
	return nil
}

// Run anchors the head every second while it moves, until ctx ends; the last
// records are anchored on the way out.
func (c *Chain) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	dirty := true
	for {
		stopping := ctx.Err() != nil
		work := ctx
		if stopping {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			work = last
		}
		changed, err := c.advance(work)
		dirty = dirty || changed
		if err == nil && dirty && c.seq > 0 {
			var head Head
			if head, err = c.Head(); err == nil {
				err = c.anchor.Write(work, head)
			}
			dirty = err != nil
		}
		if err != nil {
			c.logger.Warn("the audit chain is not anchored", "err", err)
		} else {
			c.mu.Lock()
			c.anchored = c.now()
			c.mu.Unlock()
		}
		if stopping {
			return
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// Head signs the chain's present end.
func (c *Chain) Head() (Head, error) {
	c.mu.Lock()
	h := Head{Seq: c.seq, Hash: c.hash, At: c.now().UTC().Truncate(time.Second)}
	c.mu.Unlock()
	return h.sign(c.key)
}

// Lag is how long ago the anchor last agreed with the log.
func (c *Chain) Lag() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.anchored.IsZero() {
		return 0
	}
	return c.now().Sub(c.anchored)
}

// HeadOf chains a whole log and signs its end.
func HeadOf(ctx context.Context, log Log, key action.SigningKey, now time.Time) (Head, error) {
	c := NewChain(log, nil, key, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if _, err := c.advance(ctx); err != nil {
		return Head{}, err
	}
	return c.Head()
}
