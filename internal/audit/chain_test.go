package audit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

func TestAHeadIsValidOnlyAsItWasSigned(t *testing.T) {
	key, keys := keyOf("k1", 1)
	head := headOf(t, key, records(t, 5))
	if !head.Valid(keys) || head.Seq != 5 {
		t.Fatalf("the head %+v is not valid", head)
	}
	_, others := keyOf("k1", 2)
	for name, h := range map[string]Head{
		"another count":   {Seq: 4, Hash: head.Hash, At: head.At, KeyID: head.KeyID, Sig: head.Sig},
		"another hash":    {Seq: 5, Hash: head.Hash[1:] + "0", At: head.At, KeyID: head.KeyID, Sig: head.Sig},
		"another time":    {Seq: 5, Hash: head.Hash, At: head.At.Add(time.Second), KeyID: head.KeyID, Sig: head.Sig},
		"an unknown key":  {Seq: 5, Hash: head.Hash, At: head.At, KeyID: "k2", Sig: head.Sig},
		"no signature":    {Seq: 5, Hash: head.Hash, At: head.At, KeyID: head.KeyID},
		"nothing at all":  {},
		"a cut signature": {Seq: 5, Hash: head.Hash, At: head.At, KeyID: head.KeyID, Sig: head.Sig[:63]},
	} {
		if h.Valid(keys) {
			t.Errorf("a head with %s is valid", name)
		}
	}
	if head.Valid(others) || head.Valid(nil) || head.Valid(action.Keys{"k1": nil}) {
		t.Error("a head is valid under a key that did not sign it")
	}
}

func TestTheChainDependsOnEveryRecordAndItsPlace(t *testing.T) {
	key, _ := keyOf("k1", 1)
	all := records(t, 300) // more than a batch
	seen := map[action.Hash]int{}
	for n := range all {
		h := headOf(t, key, all[:n]).Hash
		if was, twice := seen[h]; twice {
			t.Fatalf("%d and %d records have one hash", was, n)
		}
		seen[h] = n
	}
	swapped := append([]incident.Record{all[1], all[0]}, all[2:]...)
	if headOf(t, key, swapped).Hash == headOf(t, key, all).Hash {
		t.Error("two records in each other's place have the same hash")
	}
}

func TestCheckTellsAStoreThatForgot(t *testing.T) {
	key, keys := keyOf("k1", 1)
	_, strangers := keyOf("k9", 9)
	all := records(t, 600)
	head := headOf(t, key, all[:590])
	altered := append([]incident.Record(nil), all...)
	altered[17] = incident.Record{Incident: all[17].Incident, Version: all[17].Version, Raw: append([]byte(" "), all[17].Raw...)}
	without := append(append([]incident.Record(nil), all[:40]...), all[41:]...)
	forged := head
	forged.Seq = 1
	for name, c := range map[string]struct {
		store   []incident.Record
		anchor  Head
		keys    action.Keys
		have    int // of a ForgottenError; -1 where it is fine
		another bool
	}{
		"the store goes on from the anchor":  {store: all, anchor: head, keys: keys, have: -1},
		"the store ends at the anchor":       {store: all[:590], anchor: head, keys: keys, have: -1},
		"nothing was anchored yet":           {store: all, keys: keys, have: -1},
		"the store was rolled back":          {store: all[:589], anchor: head, keys: keys, have: 589},
		"the store is empty":                 {anchor: head, keys: keys, have: 0},
		"a record was altered":               {store: altered, anchor: head, keys: keys, have: 590},
		"a record was removed":               {store: without, anchor: head, keys: keys, have: 590},
		"the anchor was changed":             {store: all, anchor: forged, keys: keys, another: true},
		"the anchor is signed by a stranger": {store: all, anchor: head, keys: strangers, another: true},
	} {
		t.Run(name, func(t *testing.T) {
			err := NewChain(&memory{records: c.store}, &kept{head: c.anchor}, key, at, quiet()).Check(t.Context(), c.keys)
			var forgotten *ForgottenError
			switch {
			case c.another:
				if err == nil || errors.As(err, &forgotten) {
					t.Errorf("%v", err)
				}
			case c.have < 0:
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &forgotten):
				t.Errorf("%v is no ForgottenError", err)
			case forgotten.Have != c.have || forgotten.Anchored.Seq != 590:
				t.Errorf("%+v", forgotten)
			}
		})
	}
}

func TestCheckDoesNotPassWhatItCannotRead(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := records(t, 3)
	head := headOf(t, key, all)
	if err := NewChain(&memory{records: all}, &kept{err: errDown}, key, at, quiet()).Check(t.Context(), keys); !errors.Is(err, errDown) {
		t.Errorf("an anchor that cannot be read passed: %v", err)
	}
	if err := NewChain(&memory{err: errDown}, &kept{head: head}, key, at, quiet()).Check(t.Context(), keys); !errors.Is(err, errDown) {
		t.Errorf("a store that cannot be read passed: %v", err)
	}
}

func TestRunAnchorsWhatWasAppendedAndNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, keys := keyOf("k1", 1)
		all := records(t, 5)
		store, anchor := &memory{records: all[:2]}, &kept{}
		c := NewChain(store, anchor, key, time.Now, quiet())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() } // the bubble's clock, no real time
		wait(3500 * time.Millisecond)
		if h, writes := anchor.state(); h.Seq != 2 || writes != 1 || !h.Valid(keys) {
			t.Errorf("after two records the anchor has %+v, written %d times", h, writes)
		}
		store.set(all[:4], nil)
		wait(time.Second)
		if h, writes := anchor.state(); h.Seq != 4 || writes != 2 || h.Hash != headOf(t, key, all[:4]).Hash {
			t.Errorf("after four records the anchor has %+v, written %d times", h, writes)
		}
		store.set(nil, errDown)
		wait(5 * time.Second)
		if lag := c.Lag(); lag < 4*time.Second {
			t.Errorf("the store is down for 5 s and the lag is %s", lag)
		}
		store.set(all, nil)
		cancel()
		<-done
		if h, _ := anchor.state(); h.Seq != 5 {
			t.Errorf("stopped with %d of 5 records anchored", h.Seq)
		}
	})
}

func TestRunTriesAgainUntilTheAnchorTakesTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, _ := keyOf("k1", 1)
		anchor := &kept{err: errDown}
		c := NewChain(&memory{records: records(t, 3)}, anchor, key, time.Now, quiet())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		time.Sleep(2500 * time.Millisecond)
		anchor.mu.Lock()
		anchor.err = nil
		anchor.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		if h, _ := anchor.state(); h.Seq != 3 {
			t.Errorf("the anchor has %d of 3 records", h.Seq)
		}
		cancel()
		<-done
	})
}
