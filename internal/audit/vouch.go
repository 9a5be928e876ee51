package audit

import (
	"context"
	"fmt"
	"time"
)

// vouchRetry is how soon the anchor is tried again while somebody waits for it.
const vouchRetry = 50 * time.Millisecond

// vouching is somebody who waits until the anchor vouches for what is in the log.
type vouching struct {
	ctx  context.Context
	done chan error // holds one
}

// Vouch returns nil once the anchor vouches for everything that was in the log
// when it was called, and tries until ctx ends. What is acknowledged to people
// after that cannot be lost unnoticed. Many callers share one write. Where the
// log has forgotten something already, there is nothing to wait for: Halt says so.
func (c *Chain) Vouch(ctx context.Context) error {
	v := vouching{ctx: ctx, done: make(chan error, 1)}
	select {
	case c.asked <- v:
	case <-ctx.Done():
		return fmt.Errorf("the audit log is not anchored in time: %w", ctx.Err())
	}
	select {
	case err := <-v.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the audit log is not anchored in time: %w", ctx.Err())
	}
}

// vouchings are those who wait.
type vouchings []vouching

// gather takes those who have asked meanwhile: what they appended is in the log.
func (all *vouchings) gather(asked <-chan vouching) {
	for {
		select {
		case v := <-asked:
			*all = append(*all, v)
		default:
			return
		}
	}
}

// answer tells everybody that it is done. After an error those who still wait
// stay, and the channel says when to try again.
func (all *vouchings) answer(err error) (again <-chan time.Time) {
	var waiting vouchings
	for _, v := range *all {
		switch {
		case err == nil:
			v.done <- nil
		case v.ctx.Err() == nil:
			waiting = append(waiting, v)
		}
	}
	if *all = waiting; len(waiting) == 0 {
		return nil
	}
	return time.After(vouchRetry)
}
