package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The bounds of what a question about logs or events brings.
const (
	askedLogRunes = 5000
	askedTail     = 25 // lines of the end that come first
	askedLine     = 400
	askedEvents   = 20
)

// goneLog begins what a kubelet answers, as if it were the log, for a container
// that it has cleared away.
const goneLog = "unable to retrieve container logs for "

// askLog reads the end of a log now.
func (k *Case) askLog(ctx context.Context, f *kin, ref action.Ref, container string, previous bool) incident.Answer {
	pod := f.podFor(ref)
	if pod == nil {
		return unanswered(redact.Literal("it has no pod"))
	}
	if container == "" {
		container = tellingContainer(pod)
	}
	if statusOf(pod, container) == nil {
		return unanswered(redact.Sprintf("the pod has no container of that name; it has %s", containersOf(pod)))
	}
	g := k.c.gather()
	raw, err := g.tail(ctx, pod, container, previous)
	switch {
	case apierrors.IsBadRequest(err) && previous:
		return unanswered(redact.Literal("there is no log of an earlier container"))
	case apierrors.IsBadRequest(err):
		return unanswered(redact.Literal("the container has not started"))
	case err != nil:
		return unanswered(g.reason(err))
	}
	lines := g.red.Lines(raw, logLines)
	switch {
	case len(lines) == 0:
		return unanswered(redact.Literal("the log is empty"))
	case len(lines) == 1 && strings.HasPrefix(lines[0].String(), goneLog):
		return unanswered(redact.Literal("the log is gone from the node"))
	}
	text, shown := chosen(lines)
	where := redact.Sprintf("%s, %s of the last %s lines", redact.Name(container), redact.Int(int64(shown)), redact.Int(int64(len(lines))))
	if previous {
		where = redact.Sprintf("%s, before the last restart", where)
	}
	return k.seen("log", kube.RefOf(pod), where, text)
}

// podFor is the pod that a question about an object's log means: the object
// itself, or the pod below it that is worst off.
func (f *kin) podFor(ref action.Ref) *corev1.Pod {
	if ref.Kind == "Pod" {
		return f.x.Pod(ref)
	}
	mine := f.pods()
	if ref.Kind != "Node" {
		below := f.podsBelow(ref)
		mine = slices.DeleteFunc(mine, func(p *corev1.Pod) bool { return !slices.Contains(below, p) })
	} else {
		mine = slices.DeleteFunc(mine, func(p *corev1.Pod) bool { return p.Spec.NodeName != ref.Name })
	}
	if len(mine) == 0 {
		return nil
	}
	return slices.MinFunc(mine, func(a, b *corev1.Pod) int { return rankOf(a) - rankOf(b) })
}

// tellingContainer is the first that does not run well, else the first.
func tellingContainer(p *corev1.Pod) string {
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if s.State.Waiting != nil || s.State.Terminated != nil && s.State.Terminated.ExitCode != 0 || s.RestartCount > 0 {
			return s.Name
		}
	}
	if len(p.Spec.Containers) == 0 {
		return ""
	}
	return p.Spec.Containers[0].Name
}

func containersOf(p *corev1.Pod) redact.Text {
	var out []redact.Text
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		out = append(out, redact.Name(c.Name))
	}
	return redact.Join(", ", out...).Truncate(askedLine)
}

// troubled are words by which a line tells of a fault.
var troubled = []string{"error", "fatal", "panic", "exception", "fail", "refused", "denied", "timeout", "timed out", "cannot", "unable", "killed", "missing", "invalid"}

// chosen picks the lines that are handed on: the end, then lines that tell of
// trouble, the newest first, then what is before the end. The order of the log
// stays; a gap shows as a line of its own.
func chosen(lines []redact.Text) (text redact.Text, shown int) {
	keep := make([]bool, len(lines))
	room := askedLogRunes
	take := func(i int) {
		cost := min(utf8.RuneCountInString(lines[i].String()), askedLine) + 1
		if !keep[i] && cost <= room {
			keep[i] = true
			room -= cost
		}
	}
	for i := len(lines) - 1; i >= max(0, len(lines)-askedTail); i-- {
		take(i)
	}
	for i := len(lines) - 1; i >= 0; i-- {
		said := strings.ToLower(lines[i].String())
		if slices.ContainsFunc(troubled, func(word string) bool { return strings.Contains(said, word) }) {
			take(i)
		}
	}
	for i := len(lines) - 1; i >= 0; i-- {
		take(i)
	}
	var out []redact.Text
	for i, line := range lines {
		switch {
		case keep[i]:
			out = append(out, line.Truncate(askedLine))
			shown++
		case i == 0 || keep[i-1]:
			out = append(out, redact.Literal("…"))
		}
	}
	return redact.Join("\n", out...), shown
}

// askEvents reads the events about an object now.
func (k *Case) askEvents(ctx context.Context, ref action.Ref) incident.Answer {
	if ref.Namespace == "" {
		return unanswered(redact.Literal("its events are kept in another namespace"))
	}
	g := k.c.gather()
	about := fields.Set{"involvedObject.kind": ref.Kind, "involvedObject.name": ref.Name}.AsSelector().String()
	g.events(ctx, ref.Namespace, about, func(e *corev1.Event) bool {
		// A server may disregard the selector; events of an earlier object of
		// that name are not about this one.
		return e.InvolvedObject.Kind == ref.Kind && e.InvolvedObject.Name == ref.Name &&
			(ref.UID == "" || e.InvolvedObject.UID == "" || string(e.InvolvedObject.UID) == ref.UID)
	})
	if len(g.snap.Unreadable) > 0 {
		return unanswered(g.snap.Unreadable[0])
	}
	events := g.snap.Events
	if len(events) == 0 {
		return k.seen("event", ref, redact.Literal("events"), redact.Literal("there are no events about it"))
	}
	slices.SortStableFunc(events, func(a, b kube.Event) int { return a.Last.Compare(b.Last) })
	var lines []redact.Text
	if n := len(events) - askedEvents; n > 0 {
		lines = append(lines, redact.Sprintf("%s older ones are left out", redact.Int(int64(n))))
		events = events[n:]
	}
	for _, e := range events {
		lines = append(lines, redact.Sprintf("%s %s %s, %s: %s", redact.Time(e.Last), redact.Name(e.Type), redact.Name(e.Reason),
			redact.Name(fmt.Sprintf("%d times", e.Count)), redact.Join(" ", e.Message.Truncate(askedLine).Lines()...)))
	}
	return k.seen("event", ref, redact.Literal("events"), redact.Join("\n", lines...))
}
