package watch

import (
	"container/heap"
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// due is a record that has to be looked at although nothing about it changed.
type due struct {
	at  time.Time
	rec *record
}

type dueHeap []due

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(due)) }
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = due{}
	*h = old[:len(old)-1]
	return last
}

// lookAgain plans the next look. A record stands in the heap once at most for
// times that are not later than the planned one, so that a busy pod does not
// fill it. The caller holds mu.
func (w *Watcher) lookAgain(rec *record, at time.Time) {
	rec.again = at
	if at.IsZero() || !rec.queued.IsZero() && !rec.queued.After(at) {
		return
	}
	rec.queued = at
	heap.Push(&w.due, due{at: at, rec: rec})
	if w.due[0].rec == rec {
		poke(w.dueWake)
	}
}

// recheckLoop looks at what is due until ctx ends.
func (w *Watcher) recheckLoop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(max(w.recheck().Sub(w.now()), time.Millisecond))
		select {
		case <-timer.C:
		case <-w.dueWake:
		case <-ctx.Done():
			return
		}
	}
}

// recheck looks at everything that is due and returns when something is next.
func (w *Watcher) recheck() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for len(w.due) > 0 && !w.due[0].at.After(now) {
		d := heap.Pop(&w.due).(due)
		rec := d.rec
		if !rec.queued.Equal(d.at) {
			continue // an earlier entry took its place
		}
		rec.queued = time.Time{}
		switch {
		case rec.again.IsZero():
		case rec.again.After(now):
			w.lookAgain(rec, rec.again)
		case w.records[refused][types.UID(rec.ref.UID)] == rec:
			w.judgeRefused(rec)
		case rec.ref.Kind == "Service":
			w.rejudgeService(rec)
		case rec.ref.Kind == "Pod" && rec.pod == nil:
			w.forgetEvents(rec)
		case rec.pod != nil && w.records["Pod"][types.UID(rec.ref.UID)] == rec:
			w.judge(rec, rec.pod)
		}
	}
	if !w.retellAt.After(now) {
		w.retell()
		w.retellAt = now.Add(w.cfg.Retell)
	}
	if len(w.due) > 0 && w.due[0].at.Before(w.retellAt) {
		return w.due[0].at
	}
	return w.retellAt
}

// retell queues every fault that stands. The caller holds mu.
func (w *Watcher) retell() {
	for _, m := range w.records {
		for _, rec := range m {
			for _, f := range rec.faults {
				if f.place == nil {
					f.place = w.queue.PushBack(f)
				}
			}
		}
	}
	poke(w.wake)
}
