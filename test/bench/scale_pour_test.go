package bench_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/countersign-dev/countersign/test/slackstub"
)

const (
	pourBatch  = 20 * time.Millisecond
	breakEvery = 5 * time.Second
	weighEvery = 5 * time.Second
)

// spout is the watch of Events: the harness answers it with as many as it is told
// to, about pods that exist. An API server on the machine that is measured could
// not write so many.
type spout struct {
	pods    []corev1.ObjectReference
	rate    atomic.Int64 // events a second
	sent    atomic.Int64
	version atomic.Int64
}

// event is one of a kubelet in trouble. The same few come again and again.
func (f *spout) event(n int64) *corev1.Event {
	about := f.pods[int(n)%len(f.pods)]
	message := "Readiness probe failed: Get \"http://10.244.0.7:8080/healthz\": dial tcp 10.244.0.7:8080: connect: connection refused"
	if n%3 == 1 {
		message = "Liveness probe failed: HTTP probe failed with statuscode: " + strconv.Itoa(int(500+n%4))
	}
	now := metav1.Now()
	e := &corev1.Event{
		TypeMeta:       metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta:     metav1.ObjectMeta{Namespace: about.Namespace, Name: fmt.Sprintf("%s.%x", about.Name, n%7), UID: types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012x", n)), ResourceVersion: strconv.FormatInt(f.version.Add(1), 10)},
		InvolvedObject: about, Type: corev1.EventTypeWarning, Reason: "Unhealthy", Message: message,
		FirstTimestamp: now, LastTimestamp: now, Count: int32(n/int64(len(f.pods)) + 1), Source: corev1.EventSource{Component: "kubelet", Host: "node-01"},
	}
	if n%5 == 4 {
		e.Reason, e.Message = "BackOff", "Back-off restarting failed container proxy in pod "+about.Name
	}
	return e
}

// answer serves the watch of Events and lets everything else through.
func (f *spout) answer(w http.ResponseWriter, r *http.Request) bool {
	q := r.URL.Query()
	if !strings.HasSuffix(r.URL.Path, "/events") || q.Get("watch") == "" {
		return false
	}
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	if !ok {
		return false
	}
	w.Header().Set("Content-Type", runtime.ContentTypeProtobuf+";stream=watch")
	w.WriteHeader(http.StatusOK)
	frames := info.StreamSerializer.Framer.NewFrameWriter(w)
	objects := scheme.Codecs.EncoderForVersion(info.Serializer, corev1.SchemeGroupVersion)
	send := func(kind apiwatch.EventType, e *corev1.Event) error {
		raw, err := runtime.Encode(objects, e)
		if err != nil {
			return err
		}
		return info.StreamSerializer.Serializer.Encode(&metav1.WatchEvent{Type: string(kind), Object: runtime.RawExtension{Raw: raw}}, frames)
	}
	flush := http.NewResponseController(w)
	if q.Get("sendInitialEvents") == "true" {
		mark := f.event(0)
		mark.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
		if send(apiwatch.Bookmark, mark) != nil || flush.Flush() != nil {
			return true
		}
	}
	f.pourInto(r.Context(), func(n int64) error { return send(apiwatch.Modified, f.event(n)) }, flush.Flush)
	return true
}

// pourInto sends at the rate until the reader goes. What the reader is slow to
// take is sent later, not dropped.
func (f *spout) pourInto(ctx context.Context, send func(int64) error, flush func() error) {
	ticks := time.NewTicker(pourBatch)
	defer ticks.Stop()
	owed, last := 0.0, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		now := time.Now()
		owed += float64(f.rate.Load()) * now.Sub(last).Seconds()
		last = now
		for ; owed >= 1; owed-- {
			if send(f.sent.Add(1)) != nil {
				return
			}
		}
		if flush() != nil {
			return
		}
	}
}

// pours breaks a workload every few seconds while events pour in: each has to
// become a card, and the memory has to stay.
func (s *scaled) pours() {
	f := &spout{}
	f.version.Store(1 << 40)
	s.refer(f)
	t, err := newTap(s.admin, f.answer)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(t.close) // after the product that talks through it
	dir := s.TempDir()
	token, err := s.adminToken(s.ctx, dir)
	if err != nil {
		s.Fatal(err)
	}
	way := filepath.Join(dir, "pour.kubeconfig")
	if err := t.kubeconfig(token, way); err != nil {
		s.Fatal(err)
	}
	st, p := s.product("pour", way)
	cards := newMoments()
	events, stop := st.Slack.Subscribe()
	defer stop()
	go func() {
		for e := range events {
			if e.Kind == slackstub.MessagePosted && (e.Message.ThreadTS == "" || e.Message.ThreadTS == e.Message.TS) {
				if name := pourName(e.Message.PlainText()); name != "" {
					cards.add(name, e.At)
				}
			}
		}
	}()
	f.rate.Store(int64(*rate))
	began, before := time.Now(), processTime(p.PID())
	failed := map[string]time.Time{}
	var weights []int
	for n, due := 0, began.Add(breakEvery); time.Since(began) < *pour && s.ctx.Err() == nil; time.Sleep(weighEvery) {
		m, err := memoryOf(p.PID())
		if err != nil {
			s.Fatal(err)
		}
		weights = append(weights, m["RssAnon"])
		if time.Now().After(due) && time.Until(began.Add(*pour)) > 2*breakEvery {
			due, n = due.Add(breakEvery), n+1
			a := s.fleet.apps[len(s.fleet.apps)-n]
			failed[a.name] = time.Now()
			if err := a.become(s.ctx, s, func(p *corev1.Pod, k int) corev1.PodStatus {
				return lacks(p, k, fmt.Sprintf("configmap %q not found", p.Labels["app.kubernetes.io/name"]))
			}); err != nil {
				s.Fatal(err)
			}
		}
	}
	spent, sent, took := processTime(p.PID())-before, f.sent.Load(), time.Since(began)
	f.rate.Store(0)
	s.judgePour(cards, failed, weights, sent, took, spent)
	s.each(len(failed), func(ctx context.Context, n int) error {
		return s.fleet.apps[len(s.fleet.apps)-1-n].become(ctx, s, runs)
	})
}

func (s *scaled) judgePour(cards *moments, failed map[string]time.Time, weights []int, sent int64, took, spent time.Duration) {
	var names []string
	for name := range failed {
		names = append(names, name)
	}
	limit, done := context.WithTimeout(s.ctx, lostAfter)
	defer done()
	missing := cards.await(limit, names)
	if len(missing) > 0 {
		s.Errorf("LOST: no card for %d of %d: %v", len(missing), len(names), missing)
	}
	var latency figures
	for name, since := range failed {
		if at, times := cards.get(name); times > 0 {
			latency = append(latency, at.Sub(since))
		}
	}
	third := max(len(weights)/3, 1)
	early, late := middleOf(weights[third:2*third]), middleOf(weights[len(weights)-third:])
	persecond := float64(sent) / took.Seconds()
	s.Logf("%d events in %s (%.0f a second): %d workloads broke meanwhile, %d without a card; broken → card %s", sent, took.Round(time.Second), persecond, len(failed), len(missing), latency)
	s.Logf("  RssAnon every %s: %s at first, %s in the middle third, %s in the last, %s at most; %.0f %% of one processor, %s an event",
		weighEvery, mib(weights[0]), mib(early), mib(late), mib(slices.Max(weights)), 100*ratio(spent, took), short(spent/time.Duration(max(sent, 1))))
	s.report.add(fmt.Sprintf("%.0f events a second for %s: incidents lost", persecond, took.Round(time.Second)), fmt.Sprintf("%d of %d", len(missing), len(failed)), "",
		"0 lost at "+strconv.Itoa(*rate)+" a second", fmt.Sprintf("broken → card %s", latency), len(missing) == 0 && persecond > 0.95*float64(*rate))
	s.report.add("… RssAnon in the middle third, in the last", mib(early)+", "+mib(late), "", "flat", fmt.Sprintf("%s at most, %.0f %% of one processor", mib(slices.Max(weights)), 100*ratio(spent, took)),
		float64(late) < 1.1*float64(early))
}

func middleOf(list []int) int {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// refer collects references to the pods of the fleet, which the events are about.
func (s *scaled) refer(f *spout) {
	s.Helper()
	for next := ""; ; {
		list, err := s.client.CoreV1().Pods("").List(s.ctx, metav1.ListOptions{Limit: 1000, Continue: next})
		if err != nil {
			s.Fatal(err)
		}
		for i := range list.Items {
			p := &list.Items[i]
			f.pods = append(f.pods, corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID, FieldPath: "spec.containers{web}"})
		}
		if next = list.Continue; next == "" {
			return
		}
	}
}

// pourName is the workload of the fleet that a card is about.
func pourName(text string) string {
	_, rest, ok := strings.Cut(text, "Deployment/app-")
	if !ok || len(rest) < 5 {
		return ""
	}
	return "app-" + rest[:5]
}
