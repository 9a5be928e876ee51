package bench_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

const (
	pressEvery = 500 * time.Millisecond
	soundImage = "image: 'docker.io/library/busybox:latest', imagePullPolicy: IfNotPresent, command: [sleep, '86400']"
	badImage   = "image: 'registry.example/shop/web:0.0-absent', imagePullPolicy: IfNotPresent, command: [sleep, '86400']"
)

// presses measures from the press, as Slack sends it, to the Job, as the
// harness's own watch sees it.
func (b *bench) presses() {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	names := b.broken(ctx, count(20))
	jobs := newMoments()
	b.watchJobs(ctx, jobs)
	cards, uids := map[string]slackstub.Message{}, map[string]string{}
	for _, name := range names {
		card, err := b.s.AwaitCard(ctx, 3*time.Minute, pressesNS, name, stand.HasButton("cs-approve"))
		if err != nil {
			b.Fatalf("no button for %s: %v", name, err)
		}
		d, err := b.s.Kube.AppsV1().Deployments(pressesNS).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			b.Fatal(err)
		}
		cards[name], uids[name] = card, string(d.UID)
	}
	began := time.Now()
	sent := b.press(names, cards)
	var executed []string
	for _, name := range names {
		executed = append(executed, uids[name])
	}
	limit, done := context.WithTimeout(ctx, lostAfter)
	defer done()
	if missing := jobs.await(limit, executed); missing != nil {
		b.Errorf("LOST: %d of %d approved fixes have no Job", len(missing), len(names))
	}
	var whole, net figures
	for _, name := range names {
		at, times := jobs.get(uids[name])
		if times == 0 {
			continue
		}
		whole = append(whole, at.Sub(sent[name]))
		net = append(net, at.Sub(sent[name])-b.slackTime(sent[name], at))
	}
	b.Logf("press sent → Job seen: %s", whole)
	b.Logf("press sent → Job seen, without the stand-in's own answers: %s", net)
	b.Logf("  baseline, stand-in answers users.info: %s", b.answered("users.info", began))
	b.Logf("  baseline, bare GET /version of the API server: %s", figures{b.bareGet(), b.bareGet(), b.bareGet(), b.bareGet(), b.bareGet()})
	b.Logf("  baseline, load of the machine: %s", load())
	for _, name := range names {
		if _, err := b.s.AwaitCard(ctx, 3*time.Minute, pressesNS, name, stand.Says("Recovered")); err != nil {
			b.Errorf("LOST: %s did not recover: %v", name, err)
		}
		if _, times := jobs.get(uids[name]); times > 1 {
			b.Errorf("TWICE: %d executions of %s", times, name)
		}
	}
}

// broken makes Deployments that ran and whose new image does not exist.
func (b *bench) broken(ctx context.Context, n int) (names []string) {
	for k := range n {
		name := fmt.Sprintf("press-%03d", k)
		names = append(names, name)
		if err := b.s.Apply(ctx, pressesNS, deployment(name, soundImage)); err != nil {
			b.Fatal(err)
		}
	}
	limit, done := context.WithTimeout(ctx, 2*time.Minute)
	defer done()
	for _, name := range names {
		if err := b.s.AwaitRollout(limit, pressesNS, name); err != nil {
			b.Fatal(err)
		}
	}
	for _, name := range names {
		if err := b.s.Apply(ctx, pressesNS, deployment(name, badImage)); err != nil {
			b.Fatal(err)
		}
	}
	return names
}

// press presses all buttons at a steady rate and says when each press left.
func (b *bench) press(names []string, cards map[string]slackstub.Message) map[string]time.Time {
	sent := map[string]time.Time{}
	ticks := time.NewTicker(pressEvery)
	defer ticks.Stop()
	for _, name := range names {
		<-ticks.C
		card := cards[name]
		result, err := b.s.Slack.Click(slackstub.Alice, card.Channel, card.TS, "cs-approve", slackstub.ClickOptions{})
		if err != nil {
			b.Fatalf("press of %s: %v", name, err)
		}
		sent[name] = result.SentAt
	}
	return sent
}

// slackTime is what the stand-in took to answer questions about people between
// two moments. It may hold another press's questions too, some microseconds.
func (b *bench) slackTime(from, to time.Time) (total time.Duration) {
	for _, c := range b.s.Slack.Calls() {
		about := strings.HasPrefix(c.Method, "users.") || strings.HasPrefix(c.Method, "usergroups.")
		if about && c.Start.After(from) && c.Start.Before(to) {
			total += c.Took
		}
	}
	return total
}

// watchJobs counts the Jobs that change something, by the UID of their target.
func (b *bench) watchJobs(ctx context.Context, jobs *moments) {
	open := func() (watch.Interface, error) {
		return b.s.Kube.BatchV1().Jobs(b.s.Wall.ExecutorNamespace).Watch(ctx, metav1.ListOptions{})
	}
	seen := map[string]bool{} // a watch that is opened again tells of the same Jobs
	go follow(ctx, open, func(e watch.Event, at time.Time) {
		job, ok := e.Object.(*batchv1.Job)
		rest, applies := "", false
		if ok && e.Type == watch.Added {
			rest, applies = strings.CutPrefix(job.Name, "cs-a-")
		}
		if applies && len(rest) > uidLength && !seen[job.Name] {
			seen[job.Name] = true
			jobs.add(rest[:uidLength], at)
		}
	})
}

// uidLength is that of the UID that a Job's name begins with after its prefix.
const uidLength = 36
