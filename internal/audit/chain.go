package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// MaxLag is how long the log may go on unanchored before no new Order is
// signed. What is not anchored can be lost without anybody noticing.
const MaxLag = 30 * time.Second

// Chain follows a log, anchors its head and notices what the log forgot. Check
// and Run are called one after the other; the rest at any time.
type Chain struct {
	log    Log
	anchor Anchor
	key    action.SigningKey
	now    func() time.Time
	logger *slog.Logger

	// Of Check and Run alone.
	keys    action.Keys // that may have signed what the anchor holds
	kept    Head        // what the anchor held last, as far as we know
	sent    Head        // what was written last; the answer may have been lost
	foreign Head        // what another process anchored beyond what we have read
	gate    int         // records of the gate that were read
	ends    ends
	dirty   bool // the anchor may have to be written
	ticks   int

	asked chan vouching

	mu     sync.Mutex
	seq    int
	hash   action.Hash
	agreed time.Time // when log and anchor were last known to agree; zero before they were compared
	lost   *ForgottenError
	began  *Accepted
}

// Accepted is what an operator took as the beginning of a new audit log.
type Accepted struct {
	Was  Head // what the anchor vouched for before
	Have int  // records that the store held
}

// NewChain makes a chain; nothing is read before Check or Run.
func NewChain(log Log, anchor Anchor, key action.SigningKey, now func() time.Time, logger *slog.Logger) *Chain {
	c := &Chain{log: log, anchor: anchor, key: key, now: now, logger: logger, ends: ends{of: map[incident.ID]end{}}, asked: make(chan vouching)}
	if public, ok := key.Private.Public().(ed25519.PublicKey); ok {
		c.keys = action.Keys{key.ID: public}
	}
	return c
}

// batch bounds how many records are in memory at once.
const batch = 256

// advance hashes what has been appended since; seen gets the head after each
// record.
func (c *Chain) advance(ctx context.Context, seen func(seq int, hash action.Hash)) error {
	limit := batch
	for {
		records, err := c.log.Log(ctx, c.seq, limit)
		if errors.Is(err, ErrGone) && limit > 1 {
			limit = 1 // which of the batch it is
			continue
		}
		if err != nil {
			return err
		}
		for _, r := range records {
			hash, seq := link(c.hash, r.Raw), c.seq+1
			c.mu.Lock()
			c.hash, c.seq = hash, seq
			c.mu.Unlock()
			if h, err := headerOf(r.Raw); err == nil && incident.Role(h.role) == incident.Gate {
				c.gate++
			}
			c.ends.add(r, c.seq-1)
			seen(c.seq, c.hash)
		}
		if len(records) == 0 {
			return nil
		}
	}
}

// forgot remembers, until the process ends, that store and anchor do not agree.
func (c *Chain) forgot(kept Head, format string, args ...any) *ForgottenError {
	e := &ForgottenError{Anchored: kept, Have: c.seq, Why: fmt.Sprintf(format, args...)}
	c.mu.Lock()
	c.lost = e
	c.mu.Unlock()
	return e
}

// Check compares the store with the anchor before anything is decided on its
// records, and anchors the head of a first start: from then on a store with
// records of the gate and an anchor without a head do not go together. A
// ForgottenError stays until the process ends; after every other error Run
// tries again.
func (c *Chain) Check(ctx context.Context, keys action.Keys) error {
	if c.lost != nil {
		return c.lost
	}
	c.keys = keys
	c.restart()
	kept, err := c.anchor.Read(ctx)
	if err != nil {
		return fmt.Errorf("read the audit anchor: %w", err)
	}
	acceptSeq, acceptHash := accepted(kept.Accept)
	matches, agrees := acceptSeq == 0, kept.Head.Seq == 0 && kept.Head.Hash == ""
	err = c.advance(ctx, func(seq int, hash action.Hash) {
		matches = matches || seq == acceptSeq && hash == acceptHash
		agrees = agrees || seq == kept.Head.Seq && hash == kept.Head.Hash
	})
	gone := errors.Is(err, ErrGone)
	if err != nil && !gone {
		return err
	}
	signed := kept.Head.Valid(c.keys)
	var lost *ForgottenError
	switch {
	case gone:
		lost = c.forgot(kept.Head, "record %d of the store is gone, the log still names it", c.seq+1)
		lost.Remedy = "restore the store, or empty it: the next start then says how to begin a new audit log" // nobody can accept what cannot be read
		return lost
	case matches:
		c.logger.Warn("an operator accepted the store as it is: a new audit log begins", "records", c.seq,
			"was anchored", kept.Head.Seq, "was", kept.Head.Hash, "signed", signed)
		return c.begin(ctx, &Accepted{Was: kept.Head, Have: c.seq})
	case kept.Head.unwritten() && c.gate == 0:
		return c.begin(ctx, nil)
	case kept.Head.unwritten():
		lost = c.forgot(kept.Head, "the audit anchor is empty or gone, and the store has %d records, %d of them the gate's, for which it must have vouched", c.seq, c.gate)
	case !signed:
		lost = c.forgot(kept.Head, "the audit anchor's signature is wrong (key %q): it was changed, or the gate's key was", kept.Head.KeyID)
	case !agrees:
		lost = c.forgot(kept.Head, "the store has %d records and the audit anchor vouches for %d: records were lost or changed", c.seq, kept.Head.Seq)
	default:
		c.dirty = true
		c.agree(kept.Head)
		return nil
	}
	lost.Remedy = c.anchor.Remedy(acceptance(c.seq, c.hash))
	return lost
}

// restart forgets what an attempt that failed half way has read.
func (c *Chain) restart() {
	c.gate, c.ends, c.foreign = 0, ends{of: map[incident.ID]end{}}, Head{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq, c.hash = 0, ""
}

// begin anchors the head of a new audit log; from is what an operator accepted,
// nil at a first start.
func (c *Chain) begin(ctx context.Context, from *Accepted) error {
	if err := c.write(ctx); err != nil {
		return fmt.Errorf("begin the audit log: %w", err)
	}
	c.mu.Lock()
	c.began = from // before log and anchor are said to agree
	c.mu.Unlock()
	c.agree(c.kept)
	return nil
}

// Began is what an operator accepted when this process compared log and anchor;
// nil where they agreed.
func (c *Chain) Began() *Accepted {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began
}

func (c *Chain) agree(kept Head) {
	c.kept = kept
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agreed = c.now()
}

func (c *Chain) write(ctx context.Context) error {
	head, err := c.Head()
	if err != nil {
		return err
	}
	c.sent = head
	if err := c.anchor.Write(ctx, head); err != nil {
		return fmt.Errorf("write the audit anchor: %w", err)
	}
	c.kept = head
	return nil
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
	if c.agreed.IsZero() {
		return 0
	}
	return c.now().Sub(c.agreed)
}

// NotCompared is what Halt says before the first Check has passed.
const NotCompared = "The store has not been compared with the audit anchor yet."

// Halt says in one sentence why no new Order may be signed; empty means that
// nothing is against it. A store that forgot is said until the process ends.
// The sentence has no figures that run: whoever shows it shows it once.
func (c *Chain) Halt() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.lost != nil:
		return "The store does not hold what the audit log vouches for: what was voted on before has to be voted on again, after an operator has read the gate's log."
	case c.agreed.IsZero():
		return NotCompared
	case c.now().Sub(c.agreed) > MaxLag:
		return fmt.Sprintf("The audit log could not be anchored for more than %.0f s.", MaxLag.Seconds())
	}
	return ""
}

// HeadOf chains a whole log and signs its end.
func HeadOf(ctx context.Context, log Log, key action.SigningKey, now time.Time) (Head, error) {
	c := NewChain(log, nil, key, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err := c.advance(ctx, func(int, action.Hash) {}); err != nil {
		return Head{}, err
	}
	return c.Head()
}
