package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// followed is a chain that runs in a bubble, where waiting takes no real time.
type followed struct {
	*Chain
	t      *testing.T
	store  *memory
	anchor *kept
	said   *bytes.Buffer
	stop   func()
}

// follow starts a chain on the records, after a Check that passed.
func follow(t *testing.T, all []incident.Record, anchored Head) *followed {
	t.Helper()
	key, keys := keyOf("k1", 1)
	f := &followed{t: t, store: &memory{records: all}, anchor: &kept{head: anchored}, said: &bytes.Buffer{}}
	f.Chain = NewChain(f.store, f.anchor, key, time.Now, slog.New(slog.NewTextHandler(f.said, nil)))
	if err := f.Check(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	f.start()
	return f
}

func (f *followed) start() {
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	f.stop = func() { cancel(); <-done }
	f.wait(100 * time.Millisecond)
}

func (f *followed) wait(d time.Duration) { time.Sleep(d); synctest.Wait() }

func (f *followed) wantHalt(says string) {
	f.t.Helper()
	if got := f.Halt(); says == "" && got != "" || !strings.Contains(got, says) {
		f.t.Errorf("halt %q, want %q; the log says\n%s", got, says, f.said)
	}
}

const (
	lostHalt = "has to be voted on again"
	lagHalt  = "could not be anchored for more than 30 s"
)

func TestNoOrdersWhileTheLogCannotBeAnchored(t *testing.T) {
	key, _ := keyOf("k1", 1)
	for name, breaks := range map[string]func(*followed, error){
		"the anchor": func(f *followed, err error) { h, _ := f.anchor.state(); f.anchor.set(h, "", err) },
		"the store":  func(f *followed, err error) { f.store.fail(err) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := withGate(t, 9)
				f := follow(t, all[:5], headOf(t, key, all[:5]))
				defer f.stop()
				f.wantHalt("")
				f.store.set(all, nil)
				breaks(f, errDown)
				f.wait(29 * time.Second)
				f.wantHalt("")
				f.wait(3 * time.Second)
				f.wantHalt(lagHalt)
				said := f.Halt()
				f.wait(time.Minute)
				if f.Halt() != said {
					t.Errorf("the sentence changes while it stands: %q, then %q", said, f.Halt())
				}
				breaks(f, nil)
				f.wait(time.Second)
				f.wantHalt("")
				if h, _ := f.anchor.state(); h.Seq != len(all) {
					t.Errorf("%d of %d records are anchored", h.Seq, len(all))
				}
			})
		})
	}
}

func TestNothingIsAnchoredBeforeLogAndAnchorWereCompared(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := withGate(t, 9)
	altered := append(slices.Clone(all), withGate(t, 4)...)
	altered[3].Raw = append([]byte(" "), altered[3].Raw...)
	for name, have := range map[string][]incident.Record{"a store that lost records": all[:7], "a store with another record, and more": altered} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				head := headOf(t, key, all)
				f := &followed{t: t, store: &memory{records: have}, anchor: &kept{head: head, err: errDown}, said: &bytes.Buffer{}}
				f.Chain = NewChain(f.store, f.anchor, key, time.Now, quiet())
				if err := f.Check(t.Context(), keys); err == nil {
					t.Fatal("an anchor that cannot be read passed")
				}
				f.start()
				defer f.stop()
				f.wait(10 * time.Second)
				f.wantHalt("not been compared")
				f.anchor.set(head, "", nil)
				f.wait(5 * time.Second)
				f.wantHalt(lostHalt)
				if h, writes := f.anchor.state(); !h.same(head) || writes != 0 {
					t.Errorf("the anchor was written over what the store forgot: %+v", h)
				}
			})
		})
	}
}

func TestWhatTheStoreForgetsIsNoticedAtTheNextTick(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := withGate(t, 60)
	cut := func(n int) func(*memory) { return func(m *memory) { m.set(all[:n], nil) } }
	for name, forget := range map[string]func(*memory){
		"everything":      cut(0),
		"the last record": cut(60),
		"half of it":      cut(30),
		"everything, and as much was written since": func(m *memory) {
			m.set(append(withGate(t, 5), all[:58]...), nil)
		},
		"one stream's end": func(m *memory) { m.gone(58) },
		"one stream's end, which was written anew": func(m *memory) {
			other := slices.Clone(all)
			other[58].Raw = append([]byte(" "), other[58].Raw...)
			m.set(other, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := follow(t, all, headOf(t, key, all[:50]))
				f.wait(2 * time.Second)
				f.wantHalt("")
				forget(f.store)
				f.wait(time.Second)
				f.wantHalt(lostHalt)
				if n := strings.Count(f.said.String(), "no new orders"); n != 1 {
					t.Errorf("the operator is told %d times:\n%s", n, f.said)
				}
				f.store.set(all, nil)
				f.wait(time.Minute)
				f.wantHalt(lostHalt)
				forget(f.store)
				f.stop()
				// The next start sees it too.
				if err := NewChain(f.store, f.anchor, key, time.Now, quiet()).Check(t.Context(), keys); err == nil {
					t.Error("after a restart the loss is forgotten")
				}
			})
		})
	}
}

// A vote that was lost before it was anchored would leave no trace but this.
func TestWhatWasReadAndLostBeforeItWasAnchoredIsAnchoredAfterAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, keys := keyOf("k1", 1)
		all := withGate(t, 9)
		f := follow(t, all[:5], headOf(t, key, all[:5]))
		f.anchor.set(headOf(t, key, all[:5]), "", errDown)
		f.store.set(all, nil)
		f.wait(2 * time.Second) // read, and not anchored
		f.store.set(all[:5], nil)
		f.wait(2 * time.Second)
		f.wantHalt(lostHalt)
		f.anchor.set(headOf(t, key, all[:5]), "", nil)
		f.wait(2 * time.Second)
		f.stop()
		if h, _ := f.anchor.state(); h.Seq != len(all) || !h.Valid(keys) {
			t.Errorf("anchored %+v", h)
		}
		if err := NewChain(f.store, f.anchor, key, time.Now, quiet()).Check(t.Context(), keys); err == nil {
			t.Error("after a restart the loss is forgotten")
		}
	})
}

func TestEveryIncidentsEndIsLookedAtInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, _ := keyOf("k1", 1)
		var all []incident.Record
		for n := range 5 * spotChecks {
			r, err := incident.Next(incident.ID(fmt.Sprintf("i%012x", n)), 0, "", incident.Watcher, &incident.Opened{}, at(), nil)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		f := follow(t, all, headOf(t, key, all))
		defer f.stop()
		f.store.gone(3*spotChecks + 1)
		f.wait(6 * time.Second)
		f.wantHalt(lostHalt)
	})
}

func TestAnAnchorThatSomebodyTouchesIsNamedAndWrittenAgain(t *testing.T) {
	key, keys := keyOf("k1", 1)
	stranger, _ := keyOf("k9", 9)
	all := withGate(t, 9)
	for name, c := range map[string]struct {
		head Head
		says string
	}{
		"deleted or emptied":   {Head{}, "emptied or deleted"},
		"signed by a stranger": {headOf(t, stranger, all), "was changed by somebody"},
		"no head":              {Head{KeyID: "none", Sig: []byte("x")}, "was changed by somebody"},
		"an earlier head":      {headOf(t, key, all[:4]), "was set back"},
	} {
		for when, appended := range map[string]bool{"while the log moves": true, "while it does not": false} {
			t.Run(name+" "+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := follow(t, all[:8], headOf(t, key, all[:8]))
					defer f.stop()
					f.anchor.set(c.head, "", nil)
					want := 8
					if appended {
						f.store.set(all, nil)
						want = len(all)
					}
					f.wait((idle + 1) * time.Second)
					if h, _ := f.anchor.state(); !h.Valid(keys) || h.Seq != want || !strings.Contains(f.said.String(), c.says) {
						t.Errorf("anchored %+v, said %s", h, f.said)
					}
					f.wantHalt("")
				})
			})
		}
	}
}

func TestTwoGatesOnOneLogDoNotSetTheAnchorBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, _ := keyOf("k1", 1)
		all := withGate(t, 9)
		f := follow(t, all[:5], headOf(t, key, all[:5]))
		defer f.stop()
		// The other one has read more than we have.
		f.anchor.set(headOf(t, key, all), "", nil)
		f.store.set(all[:7], nil)
		f.wait(time.Second)
		f.store.set(all, nil)
		f.wait(3 * time.Second)
		f.wantHalt("")
		if h, _ := f.anchor.state(); h.Seq != len(all) || strings.Contains(f.said.String(), "somebody") {
			t.Errorf("anchored %+v, said %s", h, f.said)
		}
	})
}

func TestAnotherGatesHeadThatTheLogDoesNotBearOutIsALoss(t *testing.T) {
	key, _ := keyOf("k1", 1)
	all := withGate(t, 9)
	other := slices.Clone(all)
	other[9].Raw = append([]byte(" "), other[9].Raw...)
	for name, foreign := range map[string]Head{"more records": headOf(t, key, all), "other records": headOf(t, key, other)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				have := all[:7]
				if name == "other records" {
					have = all
				}
				f := follow(t, all[:5], headOf(t, key, all[:5]))
				defer f.stop()
				f.anchor.set(foreign, "", nil)
				f.store.set(have, nil)
				f.wait(2 * time.Second)
				f.wantHalt(lostHalt)
				if h, _ := f.anchor.state(); !h.same(foreign) {
					t.Errorf("the evidence was written over: %+v", h)
				}
			})
		})
	}
}

func TestRunTriesAgainUntilTheAnchorTakesTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, _ := keyOf("k1", 1)
		all := withGate(t, 3)
		f := follow(t, all[:1], headOf(t, key, all[:1]))
		defer f.stop()
		f.anchor.set(headOf(t, key, all[:1]), "", errDown)
		f.store.set(all, nil)
		f.wait(2500 * time.Millisecond)
		f.anchor.set(headOf(t, key, all[:1]), "", nil)
		f.wait(time.Second)
		if h, _ := f.anchor.state(); h.Seq != len(all) {
			t.Errorf("the anchor has %d of %d records", h.Seq, len(all))
		}
	})
}

func TestVouchWaitsForTheAnchorAndNotForTheNextTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := records(t, 12)
		f := follow(t, all[:4], Head{})
		defer func() { f.stop() }()
		f.store.set(all[:5], nil)
		began := time.Now()
		if err := f.Vouch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 10*time.Millisecond || f.anchor.seq() != 5 {
			t.Errorf("after %s the anchor vouches for %d records, want 5", took, f.anchor.seq())
		}

		f.store.set(all[:6], nil)
		f.anchor.fail(errors.New("the API server is away"))
		answers := make(chan error)
		for range 100 {
			go func() { answers <- f.Vouch(t.Context()) }()
		}
		f.wait(300 * time.Millisecond)
		f.anchor.fail(nil)
		writes := f.anchor.count()
		for range 100 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		if f.anchor.seq() != 6 || f.anchor.count() > writes+1 {
			t.Errorf("%d records, %d writes for a hundred who waited", f.anchor.seq(), f.anchor.count()-writes)
		}

		f.store.set(all[:7], nil)
		f.anchor.fail(errors.New("the API server is away"))
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Vouch(soon); err == nil || f.anchor.seq() != 6 {
			t.Errorf("%v, and the anchor vouches for %d records", err, f.anchor.seq())
		}

		f.store.set(all[:3], nil)
		f.wait(2 * time.Second)
		f.wantHalt(lostHalt)
		f.anchor.fail(nil)
		if err := f.Vouch(t.Context()); err != nil {
			t.Errorf("nobody is told anything while the log has lost records: %v", err)
		}
	})
}

func TestAHeadWhoseAnswerWasLostIsNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := records(t, 6)
		f := follow(t, all[:4], Head{})
		defer func() { f.stop() }()
		f.anchor.lose(true)
		f.store.set(all[:5], nil)
		f.wait(1100 * time.Millisecond)
		f.anchor.lose(false)
		f.store.set(all, nil)
		f.wait(2 * time.Second)
		if f.anchor.seq() != 6 || strings.Contains(f.said.String(), "set back") {
			t.Errorf("%d records are anchored; the log says\n%s", f.anchor.seq(), f.said)
		}
	})
}
