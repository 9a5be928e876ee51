package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// idle is how many ticks an anchor that needs no writing is left unread.
const idle = 10

// tickTimeout bounds one tick, so that a connection that hangs is an error.
const tickTimeout = 10 * time.Second

// Run anchors the head every second while it moves, and looks every second
// whether the log still holds what was read from it, until ctx ends; the last
// records are anchored on the way out. It never writes before log and anchor
// have been compared, nor over what it found not to agree.
func (c *Chain) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var asking vouchings
	for whole := true; ; {
		stopping := ctx.Err() != nil
		work := ctx
		if stopping {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			work = last
		}
		asking.gather(c.asked)
		err := c.tick(work, whole)
		if err != nil {
			c.logger.Warn("the audit chain is not anchored", "err", err)
		}
		again := asking.answer(err)
		if stopping {
			return
		}
		whole = false
		select {
		case <-ctx.Done():
		case <-tick.C:
			whole = true
		case v := <-c.asked:
			asking = append(asking, v)
		case <-again:
		}
	}
}

// tick is one look at log and anchor. whole looks for more of what the log may
// have forgotten than its last record.
func (c *Chain) tick(ctx context.Context, whole bool) error {
	if whole {
		c.ticks++
	}
	if c.lost != nil {
		return c.keepEvidence(ctx)
	}
	if c.agreed.IsZero() {
		return c.said(c.Check(ctx, c.keys))
	}
	ctx, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	if err := c.said(c.stillThere(ctx, whole)); err != nil || c.lost != nil {
		return err
	}
	expect, met := c.foreign, false
	was := c.seq
	err := c.advance(ctx, func(seq int, hash action.Hash) { met = met || seq == expect.Seq && hash == expect.Hash })
	switch {
	case errors.Is(err, ErrGone):
		return c.said(c.forgot(c.kept, "record %d of the store is gone, the log still names it", c.seq+1))
	case err != nil:
		return err
	case !expect.unwritten() && !met:
		return c.said(c.forgot(expect, "another gate anchored %d records and the store has %d others: records were lost or changed", expect.Seq, c.seq))
	}
	c.foreign = Head{}
	if c.seq != was || c.dirty || whole && c.ticks%idle == 0 {
		if err := c.anchorHead(ctx); err != nil {
			return err
		}
	}
	c.agree(c.kept)
	return nil
}

// said puts into the operator's log, once, that store and anchor do not agree;
// other errors go back.
func (c *Chain) said(err error) error {
	var forgotten *ForgottenError
	if !errors.As(err, &forgotten) {
		return err
	}
	c.logger.Error("no new orders: "+forgotten.Error(), "records", forgotten.Have, "anchored", forgotten.Anchored.Seq)
	return nil
}

// anchorHead writes the head where the anchor is behind it. An anchor that is
// not as we left it was changed by another gate, which is fine as long as the
// log bears it out, or by somebody who should not: this process has read all
// records, so that its own head is the better one.
func (c *Chain) anchorHead(ctx context.Context) error {
	c.dirty = true
	now, err := c.anchor.Read(ctx)
	if err != nil {
		return fmt.Errorf("read the audit anchor: %w", err)
	}
	ours, kept := Head{Seq: c.seq, Hash: c.hash}, now.Head
	switch {
	case (kept.same(c.kept) || kept.same(c.sent)) && kept.Valid(c.keys):
	case kept.unwritten():
		c.logger.Warn("the audit anchor was emptied or deleted by somebody; it is written again", "records", c.seq)
	case !kept.Valid(c.keys):
		c.logger.Warn("the audit anchor was changed by somebody; it is written again", "records", c.seq, "found", kept.Seq, "key", kept.KeyID)
	case kept.Seq > c.seq:
		c.kept, c.foreign = kept, kept // the next look at the log has to bear it out
		return nil
	case kept.Seq == c.seq && kept.Hash != c.hash:
		return c.said(c.forgot(kept, "another gate anchored %d other records than the store has", kept.Seq))
	case !kept.same(ours):
		c.logger.Warn("the audit anchor was set back; it is written again", "records", c.seq, "found", kept.Seq)
	}
	if !kept.same(ours) || !kept.Valid(c.keys) {
		if err := c.write(ctx); err != nil {
			return err
		}
	}
	c.dirty = false
	return nil
}

// keepEvidence anchors the last records that were read before the store forgot
// them, so that the next start sees that they are missing.
func (c *Chain) keepEvidence(ctx context.Context) error {
	if c.agreed.IsZero() || c.kept.Seq >= c.seq {
		return nil
	}
	now, err := c.anchor.Read(ctx)
	if err != nil {
		return fmt.Errorf("read the audit anchor: %w", err)
	}
	if now.Head.Valid(c.keys) && now.Head.Seq >= c.seq {
		c.kept = now.Head
		return nil
	}
	return c.write(ctx)
}

// spotChecks bounds how many incidents are looked at in one tick.
const spotChecks = 32

// end is where an incident's last record stands in the log.
type end struct {
	at  int
	sum [sha256.Size]byte
}

// ends are the incidents of a log, in turn.
type ends struct {
	of    map[incident.ID]end
	order []incident.ID
	next  int
	last  incident.ID // of the log's last record
}

func (e *ends) add(r incident.Record, at int) {
	if _, known := e.of[r.Incident]; !known {
		e.order = append(e.order, r.Incident)
	}
	e.of[r.Incident], e.last = end{at: at, sum: sha256.Sum256(r.Raw)}, r.Incident
}

// some are the incident of the last record, which tells a log that was cut or
// emptied, and where more are wanted the next ones in turn, which tell a stream
// that was.
func (e *ends) some(more bool) []incident.ID {
	if len(e.order) == 0 {
		return nil
	}
	ids := []incident.ID{e.last}
	if !more {
		return ids
	}
	for range min(spotChecks, len(e.order)) {
		ids = append(ids, e.order[e.next])
		e.next = (e.next + 1) % len(e.order)
	}
	return ids
}

// stillThere looks whether the last records of some incidents are still in
// their place. What the log forgets about an incident whose turn has not come
// is noticed by whoever acts on it, as long as this process runs, and by the
// next start.
func (c *Chain) stillThere(ctx context.Context, more bool) error {
	for _, id := range c.ends.some(more) {
		end := c.ends.of[id]
		records, err := c.log.Log(ctx, end.at, 1)
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
		if err != nil || len(records) == 0 || sha256.Sum256(records[0].Raw) != end.sum {
			return c.forgot(c.kept, "record %d of the store (of incident %s) is gone or another one: records were lost or changed under the running gate", end.at+1, id)
		}
	}
	return nil
}
