package audit

import (
	"context"
	"errors"
	"slices"
	"strings"
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
	all := withGate(t, 599)
	head := headOf(t, key, all[:590])
	altered := slices.Clone(all)
	altered[17] = incident.Record{Incident: all[17].Incident, Version: all[17].Version, Raw: append([]byte(" "), all[17].Raw...)}
	without := slices.Delete(slices.Clone(all), 40, 41)
	forged := head
	forged.Seq = 1
	nothing := headOf(t, key, nil)
	for name, c := range map[string]struct {
		store  []incident.Record
		anchor Head
		keys   action.Keys
		why    string // empty where it is fine
	}{
		"the store goes on from the anchor":             {store: all, anchor: head, keys: keys},
		"the store ends at the anchor":                  {store: all[:590], anchor: head, keys: keys},
		"a first start":                                 {keys: keys},
		"a first start of the gate, beside a watcher":   {store: all[:500], keys: keys},
		"the anchor vouches for nothing yet":            {store: all, anchor: nothing, keys: keys},
		"the anchor is gone":                            {store: all, keys: keys, why: "the audit anchor is empty or gone, and the store has 600 records, 1 of them the gate's"},
		"the store was rolled back":                     {store: all[:589], anchor: head, keys: keys, why: "the store has 589 records and the audit anchor vouches for 590"},
		"the store is empty":                            {anchor: head, keys: keys, why: "the store has 0 records"},
		"a record was altered":                          {store: altered, anchor: head, keys: keys, why: "lost or changed"},
		"a record was removed":                          {store: without, anchor: head, keys: keys, why: "lost or changed"},
		"the anchor was changed":                        {store: all, anchor: forged, keys: keys, why: "signature is wrong"},
		"the anchor is signed by a stranger":            {store: all, anchor: head, keys: strangers, why: "signature is wrong"},
		"the anchor is no head":                         {store: all, anchor: Head{KeyID: "none", Sig: []byte("x")}, keys: keys, why: "signature is wrong"},
		"an empty store, and an anchor that is no head": {anchor: Head{KeyID: "none", Sig: []byte("x")}, keys: keys, why: "signature is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			anchor := &kept{head: c.anchor}
			chain := NewChain(&memory{records: c.store}, anchor, key, at, quiet())
			if chain.Halt() == "" {
				t.Error("orders may be signed before store and anchor were compared")
			}
			err := chain.Check(t.Context(), c.keys)
			var forgotten *ForgottenError
			if c.why == "" {
				if h, _ := anchor.state(); err != nil || chain.Halt() != "" || !h.Valid(keys) {
					t.Errorf("%v, %q, anchored %+v", err, chain.Halt(), h)
				}
				return
			}
			if !errors.As(err, &forgotten) || !strings.Contains(err.Error(), c.why) || forgotten.Have != len(c.store) {
				t.Fatalf("%v", err)
			}
			if _, writes := anchor.state(); writes != 0 || !strings.Contains(chain.Halt(), "voted on again") {
				t.Errorf("the anchor was written %d times, halt %q", writes, chain.Halt())
			}
			if again := chain.Check(t.Context(), c.keys); !errors.Is(again, err) {
				t.Errorf("it is forgiven within the process: %v", again)
			}
		})
	}
}

// The remedy that the error names has to work, once, and for these records only.
func TestAnOperatorAcceptsTheStoreAsItIs(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := withGate(t, 20)
	head := headOf(t, key, all)
	for name, c := range map[string]struct {
		store  []incident.Record
		anchor Head
	}{
		"a store that was rolled back": {all[:15], head},
		"an empty store":               {nil, head},
		"an anchor that is gone":       {all, Head{}},
		"an anchor of another key":     {all, Head{Seq: 3, KeyID: "old", Sig: []byte("x")}},
	} {
		t.Run(name, func(t *testing.T) {
			store, anchor := &memory{records: c.store}, &kept{head: c.anchor}
			err := NewChain(store, anchor, key, at, quiet()).Check(t.Context(), keys)
			var forgotten *ForgottenError
			if !errors.As(err, &forgotten) {
				t.Fatal(err)
			}
			word := strings.TrimPrefix(forgotten.Remedy, "accept ")
			for _, wrong := range []string{"", "1:", "x", ":", "-1:", "15", "3:" + strings.Repeat("0", 64), word + "0"} {
				anchor.set(c.anchor, wrong, nil)
				if err := NewChain(store, anchor, key, at, quiet()).Check(t.Context(), keys); !errors.As(err, &forgotten) {
					t.Errorf("%q is taken for %q: %v", wrong, word, err)
				}
			}
			anchor.set(c.anchor, word, nil)
			// The watcher writes on meanwhile.
			store.set(append(slices.Clone(c.store), all[len(c.store):]...), nil)
			again := NewChain(store, anchor, key, at, quiet())
			if err := again.Check(t.Context(), keys); err != nil || again.Halt() != "" {
				t.Fatalf("%v, %q", err, again.Halt())
			}
			if h, _ := anchor.state(); !h.Valid(keys) || h.Seq != len(all) || anchor.accept != "" {
				t.Errorf("anchored %+v, accept %q", h, anchor.accept)
			}
			if b := again.Began(); b == nil || b.Was.Seq != c.anchor.Seq || b.Was.Hash != c.anchor.Hash || b.Have != len(all) {
				t.Errorf("people are told %+v", b)
			}
			next := NewChain(store, anchor, key, at, quiet())
			if err := next.Check(t.Context(), keys); err != nil || next.Began() != nil {
				t.Errorf("the next start: %v, %+v", err, next.Began())
			}
		})
	}
}

func TestCheckDoesNotPassWhatItCannotRead(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := records(t, 3)
	head := headOf(t, key, all)
	for name, c := range map[string]*Chain{
		"the anchor cannot be read":            NewChain(&memory{records: all}, &kept{err: errDown}, key, at, quiet()),
		"the store cannot be read":             NewChain(&memory{err: errDown}, &kept{head: head}, key, at, quiet()),
		"a first head that cannot be anchored": NewChain(&memory{records: all}, &readOnly{}, key, at, quiet()),
	} {
		var forgotten *ForgottenError
		if err := c.Check(t.Context(), keys); !errors.Is(err, errDown) || errors.As(err, &forgotten) {
			t.Errorf("%s: %v", name, err)
		}
		if c.Halt() == "" {
			t.Errorf("%s: orders may be signed", name)
		}
	}
}

// readOnly is an anchor that takes no head.
type readOnly struct{ kept }

func (*readOnly) Write(context.Context, Head) error { return errDown }

func TestRunAnchorsWhatWasAppendedAndNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, keys := keyOf("k1", 1)
		all := records(t, 5)
		store, anchor := &memory{records: all[:2]}, &kept{}
		c := NewChain(store, anchor, key, time.Now, quiet())
		if err := c.Check(t.Context(), keys); err != nil {
			t.Fatal(err)
		}
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
