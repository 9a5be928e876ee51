package bench_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	faultEvery = 2 * time.Second
	lostAfter  = 60 * time.Second // a card that has not come by then is lost
)

// kinds are the faults whose cards wait for nothing. Each workload misses
// objects of its own: what misses the same shares a card.
var kinds = []string{
	"image: registry.example/shop/web:0.0-absent, command: [sleep, '86400']",
	"image: 'docker.io/library/busybox:latest', imagePullPolicy: IfNotPresent, command: [sleep, '86400'], envFrom: [{configMapRef: {name: absent-NAME}}]",
	"image: 'docker.io/library/busybox:latest', imagePullPolicy: IfNotPresent, command: [sleep, '86400'], envFrom: [{secretRef: {name: absent-NAME}}]",
	"image: 'docker.io/library/busybox:latest', imagePullPolicy: IfNotPresent, command: [sleep, '86400'], env: [{name: A, valueFrom: {secretKeyRef: {name: half-NAME, key: absent}}}]",
}

func deployment(name, container string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s}, spec: {replicas: 1, selector: {matchLabels: {app: %[1]s}},
  template: {metadata: {labels: {app: %[1]s}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, %[2]s}]}}}}
`, name, container)
}

// faults measures from the failed state, as the harness's own watch sees it, to
// the card in the channel.
func (b *bench) faults() {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	began := time.Now()
	failed, cards := newMoments(), newMoments()
	b.watchFailures(ctx, failed)
	events, stop := b.s.Slack.Subscribe()
	defer stop()
	go postedCards(events, faultsNS, cards)
	var names []string
	var bare figures
	ticks := time.NewTicker(faultEvery)
	defer ticks.Stop()
	for n := range count(50) {
		name := fmt.Sprintf("fault-%03d", n)
		names = append(names, name)
		half := fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: half-%s}, stringData: {present: 'yes'}}\n---\n", name)
		if err := b.s.Apply(ctx, faultsNS, half+deployment(name, strings.ReplaceAll(kinds[n%len(kinds)], "NAME", name))); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, b.bareGet())
		<-ticks.C
	}
	limit, done := context.WithTimeout(ctx, lostAfter)
	defer done()
	if missing := failed.await(limit, names); missing != nil {
		b.Errorf("the cluster itself did not fail %d of %d: %v", len(missing), len(names), missing)
	}
	if missing := cards.await(limit, names); missing != nil {
		b.Errorf("LOST: no card for %d of %d: %v", len(missing), len(names), missing)
	}
	var took figures
	for _, name := range names {
		at, times := cards.get(name)
		if times > 1 {
			b.Errorf("TWICE: %d cards for %s", times, name)
		}
		if since, seen := failed.get(name); times > 0 && seen > 0 {
			took = append(took, at.Sub(since))
		}
	}
	b.Logf("failed state seen → card posted: %s", took)
	b.Logf("  baseline, stand-in answers chat.postMessage: %s, %d calls limited", b.answered("chat.postMessage", began), b.limited(began))
	b.Logf("  baseline, bare GET /version of the API server: %s", bare)
	b.Logf("  baseline, load of the machine: %s", load())
	b.weigh(fmt.Sprintf("with %d open incidents", len(names)))
	if err := b.s.Kube.AppsV1().Deployments(faultsNS).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		b.Error(err)
	}
}

// watchFailures notes when a pod's container is first seen waiting for one of
// the reasons that this package causes.
func (b *bench) watchFailures(ctx context.Context, failed *moments) {
	open := func() (watch.Interface, error) {
		return b.s.Kube.CoreV1().Pods(faultsNS).Watch(ctx, metav1.ListOptions{})
	}
	go follow(ctx, open, func(e watch.Event, at time.Time) {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok {
			return
		}
		for _, c := range pod.Status.ContainerStatuses {
			if c.State.Waiting == nil {
				continue
			}
			switch c.State.Waiting.Reason {
			case "ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError":
				failed.add(pod.Labels["app"], at)
			}
		}
	})
}

// follow calls f for every event with the moment at which it came. A watch that
// the API server ends is opened again, and begins with what is there.
func follow(ctx context.Context, open func() (watch.Interface, error), f func(watch.Event, time.Time)) {
	for ctx.Err() == nil {
		w, err := open()
		if err != nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		for e := range w.ResultChan() {
			f(e, time.Now())
		}
		w.Stop()
	}
}
