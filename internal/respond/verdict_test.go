package respond

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

var node = action.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"}

// judges hands over a press that says what it was, has it heard, and says what
// its author was told.
func (w *world) judges(p incident.Person, v *incident.Verdict, change func(*incident.Clicked)) (acks int, told string) {
	w.t.Helper()
	w.clicks++
	c := chat.Click{Incident: theID, Ack: func(context.Context) { acks++ }, Clicked: incident.Clicked{
		Click: p.ID + strings.Repeat("v", w.clicks), Verb: incident.Judge, Digest: w.load().Claimed().Digest(), Person: p,
		Channel: "C1", Message: "1.1", Genuine: true, PressedAt: w.now, Verdict: v,
	}}
	if change != nil {
		change(&c.Clicked)
	}
	w.thread.whispers = nil
	w.gate.takeClick(w.t.Context(), c, w.thread)
	if err := w.hears(); err != nil {
		w.t.Fatal(err)
	}
	return acks, w.thread.told()
}

// hears does what is due for verdicts.
func (w *world) hears() error {
	i := w.load()
	if len(i.Sayings) == 0 {
		return nil
	}
	return w.gate.run(w.t.Context(), i, incident.Step{Lane: incident.Talk, Do: incident.DoHear, Arg: i.Sayings[0].Click}, w.now)
}

func TestAnyMemberSaysWhatItWasAndAGuestDoesNot(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.thread.strange["U9"] = redact.Literal("guests may not do this")
	if acks, told := w.judges(carol, &incident.Verdict{Right: true}, nil); acks != 1 || told != "" {
		t.Fatalf("%d acks, told %q", acks, told)
	}
	if acks, told := w.judges(incident.Person{ID: "U9", Team: "T1"}, &incident.Verdict{Right: true}, nil); acks != 1 || !strings.Contains(told, "guests may not") {
		t.Fatalf("%d acks, told %q", acks, told)
	}
	if _, told := w.judges(bob, &incident.Verdict{Cause: incident.NodeNotReady, Root: node, Words: redact.Literal("it was gone")}, nil); told != "" {
		t.Fatal(told)
	}
	got := w.load().Verdicts
	if len(got) != 2 || !got[0].Right || got[0].Cause != incident.ImageNotFound || got[0].Root != web || got[0].Of.Cause != incident.ImageNotFound ||
		got[1].Right || got[1].Cause != incident.NodeNotReady || got[1].Words.String() != "it was gone" || got[1].At != w.now || got[1].By.Name.String() != "Bob" {
		t.Fatalf("%+v", got)
	}
}

func TestAVerdictThatDoesNotCountIsAnsweredInOneSentence(t *testing.T) {
	right, was := &incident.Verdict{Right: true}, &incident.Verdict{Cause: incident.NodeNotReady, Root: node}
	for name, c := range map[string]struct {
		v      *incident.Verdict
		change func(*incident.Clicked)
		says   string
	}{
		"a card that is not ours":      {right, func(c *incident.Clicked) { c.Genuine = false }, "not the card"},
		"another message":              {right, func(c *incident.Clicked) { c.Message = "9.9" }, "not the card"},
		"a form that is not ours":      {was, func(c *incident.Clicked) { c.Via, c.Genuine = incident.ViaForm, false }, "not the card"},
		"a signature":                  {right, func(c *incident.Clicked) { c.Via = incident.ViaSigned }, "a signature approves or rejects"},
		"right about an older card":    {right, func(c *incident.Clicked) { c.Digest = before }, "something else by now"},
		"wrong about an older card":    {&incident.Verdict{}, func(c *incident.Clicked) { c.Digest = before }, "something else by now"},
		"a cause of no vocabulary":     {&incident.Verdict{Cause: "gremlins"}, nil, "cannot be taken"},
		"a form about an older card":   {was, func(c *incident.Clicked) { c.Digest = before }, ""},
		"the cause that stands there":  {&incident.Verdict{Cause: incident.ImageNotFound, Root: action.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}}, nil, ""},
		"the same cause, another root": {&incident.Verdict{Cause: incident.ImageNotFound, Root: node}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.offered()
			acks, told := w.judges(alice, c.v, c.change)
			taken := len(w.load().Verdicts)
			if acks != 1 || (c.says == "") != (told == "") || !strings.Contains(told, c.says) || taken != map[bool]int{true: 1}[c.says == ""] {
				t.Fatalf("%d acks, told %q, %d verdicts", acks, told, taken)
			}
			if taken == 1 && w.load().Verdicts[0].Right != strings.HasPrefix(name, "the cause that") {
				t.Errorf("%+v", w.load().Verdicts[0])
			}
		})
	}
}

func TestTheButtonThatAsksOpensAFormAndWritesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	was := w.load().Version
	if acks, told := w.judges(carol, nil, nil); acks != 1 || told != "" || len(w.thread.asked) != 1 || w.load().Version != was {
		t.Fatalf("%d acks, told %q, %d forms, version %d after %d", acks, told, len(w.thread.asked), w.load().Version, was)
	}
}

func TestAVerdictAfterTheEndIsTakenAndAVoteIsNot(t *testing.T) {
	w := newWorld(t, nil)
	w.announced()
	w.says(w.watcher, &incident.Cleared{}, &incident.Closed{Why: "cleared"})
	if acks, told := w.judges(carol, &incident.Verdict{Right: true}, nil); acks != 1 || told != "" || len(w.load().Verdicts) != 1 {
		t.Fatalf("%d acks, told %q", acks, told)
	}
	if acks, told := take(t.Context(), w.gate, theID, "late"); acks != 1 || !strings.Contains(told, "closed") {
		t.Fatalf("a vote after the end: %d acks, told %q", acks, told)
	}
}

func TestAVerdictWaitsWhileSlackDoesNotSayWhoPressed(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.thread.err = errors.New("Slack is away")
	v := &incident.Verdict{Right: true}
	c := &incident.Clicked{Click: "k", Verb: incident.Judge, Digest: w.load().Claimed().Digest(), Person: carol, Channel: "C1", Message: "1.1", Genuine: true, Verdict: v}
	w.says(w.gate, c)
	if err := w.hears(); err == nil || len(w.load().Sayings) != 1 {
		t.Fatalf("%v, %d wait", err, len(w.load().Sayings))
	}
	// What is signed outside Slack is judged meanwhile: see the lane of acts.
	steps, _ := w.effects.Rules.Due(w.load(), incident.Gate, w.now, func(string) time.Time { return time.Time{} })
	for _, s := range steps {
		if s.Do == incident.DoHear && s.Lane == incident.Act {
			t.Fatal("a verdict stands in the lane in which votes are judged")
		}
	}
	w.thread.err = nil
	if err := w.hears(); err != nil || len(w.load().Verdicts) != 1 {
		t.Fatal(err)
	}
}

// seen is a cluster in which there is something.
type seen struct {
	collector
	snapshot *kube.Snapshot
}

func (s *seen) Subject(context.Context, action.Ref) (*kube.Snapshot, error) { return s.snapshot, s.err }

// pulling is a cluster in which web cannot pull its image.
func pulling() *kube.Snapshot {
	labels := map[string]string{"app": "web"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "web", Image: "registry.example/shop/web:2-typo", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: "winter-tea"}}}},
	}}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "11111111-2222-3333-4444-555555555555"}, Spec: appsv1.DeploymentSpec{Template: template, Selector: &metav1.LabelSelector{MatchLabels: labels}}}
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "shop", UID: "rs-1", OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: d.UID, Controller: new(true)},
	}}, Spec: appsv1.ReplicaSetSpec{Template: template}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1-a", Namespace: "shop", UID: "pod-1", Labels: labels, OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: rs.UID, Controller: new(true)},
	}}, Spec: template.Spec}
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: "web", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: `Back-off pulling image "registry.example/shop/web:2-typo": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/shop/web:2-typo": failed to resolve reference "registry.example/shop/web:2-typo": registry.example/shop/web:2-typo: not found`},
	}}}}
	return &kube.Snapshot{Taken: noon, Deployments: []*appsv1.Deployment{d}, ReplicaSets: []*appsv1.ReplicaSet{rs}, Pods: []*corev1.Pod{pod}, ConfigMaps: []kube.Keys{}}
}

func TestWhatTheRulesSawIsKeptIfItReplays(t *testing.T) {
	w := newWorld(t, nil)
	w.announced()
	effects := &WatcherEffects{Collector: &seen{snapshot: pulling()}, Redactor: redact.New(redact.Config{})}
	bodies, err := effects.keep(t.Context(), w.load())
	if err != nil || len(bodies) != 1 {
		t.Fatalf("%d bodies, %v", len(bodies), err)
	}
	kept, ok := bodies[0].(*incident.Kept)
	if !ok || kept.Cause != incident.ImageNotFound || kept.Subject != web || !kept.Missing.IsEmpty() || !strings.Contains(kept.Snapshot.String(), "2-typo") {
		t.Fatalf("%+v", bodies[0])
	}
	if strings.Contains(kept.Snapshot.String(), "winter-tea") {
		t.Error("a password stands in what is kept")
	}
	w.says(w.watcher, kept)
	if w.load().WantsKeeping() {
		t.Error("it is kept twice")
	}
}

func TestWhatHasMovedOnOrCannotBeReplayedIsNotKept(t *testing.T) {
	healthy := pulling()
	healthy.Pods[0].Status.ContainerStatuses[0].State.Waiting = nil
	healthy.Pods[0].Status.ContainerStatuses[0].State.Running = &corev1.ContainerStateRunning{}
	huge := pulling()
	huge.Logs = append(huge.Logs, kube.Log{Pod: kube.Key("Pod", "shop", "web-1-a"), Container: "web"})
	for range 4000 {
		huge.Logs[0].Lines = append(huge.Logs[0].Lines, redact.Literal("a line of a log that says nothing in many words"))
	}
	for name, c := range map[string]struct {
		snapshot *kube.Snapshot
		missing  string
		bodies   int
	}{
		"it healed":       {healthy, "", 0},
		"it is too large": {huge, "too large", 1},
	} {
		w := newWorld(t, nil)
		w.announced()
		effects := &WatcherEffects{Collector: &seen{snapshot: c.snapshot}, Redactor: redact.New(redact.Config{})}
		bodies, err := effects.keep(t.Context(), w.load())
		if err != nil || len(bodies) != c.bodies {
			t.Fatalf("%s: %d bodies, %v", name, len(bodies), err)
		}
		if c.bodies == 0 {
			continue
		}
		if kept := bodies[0].(*incident.Kept); !kept.Snapshot.IsEmpty() || !strings.Contains(kept.Missing.String(), c.missing) {
			t.Errorf("%s: %+v", name, kept)
		}
	}
}
