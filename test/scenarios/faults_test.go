package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/test/cluster"
	"github.com/countersign-dev/countersign/test/geministub"
	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// faultsNS is the namespace of everything that breaks here.
const faultsNS = "faults"

// faults are what happens to Countersign itself and to the services that it
// depends on. They share one stand and follow each other: each of them stops
// and starts the process, or spoils Slack for everybody.
type faults struct {
	*testing.T
	ctx     context.Context
	s       *stand.Stand
	model   *geministub.Server
	process *stand.Process
}

func TestFaults(t *testing.T) {
	if err := cluster.Available(); err != nil && os.Getenv("CLUSTER") == "" {
		if errors.Is(err, cluster.ErrUnavailable) {
			t.Skipf("SKIPPED, nothing was broken: %v", err)
		}
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	model, err := geministub.Start(geministub.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	env := map[string]string{"AI_BASE_URL": model.URL(), "AI_API_KEY": model.APIKey(), "CHANGES_PER_HOUR": "100", "CARDS_PER_HOUR": "1000"}
	for k, v := range seconds {
		env[k] = v
	}
	s, err := stand.New(ctx, stand.Config{
		Name: "faults", Namespaces: []string{faultsNS}, Env: env, Log: func(line string) { t.Log(line) },
		Slack: slackstub.Config{Limits: slackstub.Limits{PostBurst: 60, TierBurst: 1000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	f := &faults{ctx: ctx, s: s, model: model}
	for _, c := range []struct {
		name string
		play func(*faults)
	}{
		{"what the settings get wrong is said in one sentence", (*faults).wrongSettings},
		{"killed after the press was acknowledged, it is executed once", (*faults).killedAfterPress},
		{"killed while the Job runs, it is executed once", (*faults).killedWhileExecuting},
		{"killed before any card, the card appears", (*faults).killedBeforeCard},
		{"stopped after the press was acknowledged, it is executed once", (*faults).stoppedAfterPress},
		{"stopped while a card is posted, there is one card", (*faults).stoppedWhilePosting},
		{"an outage of Slack delays cards and doubles none", (*faults).slackOutage},
		{"a lost answer may double a card and nothing else", (*faults).lostAnswer},
		{"a storm of disconnects loses no acknowledged press", (*faults).socketStorm},
		{"a model that fails leaves the rules' card", (*faults).modelFails},
	} {
		t.Run(c.name, func(t *testing.T) {
			play := *f
			play.T = t
			c.play(&play)
			s.Slack.ResetKnobs()
			f.process = play.process
			if t.Failed() && f.process != nil {
				t.Logf("countersign's log ends:\n%s", f.process.Tail())
			}
		})
	}
}

const faultPod = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s}, spec: {replicas: 1, selector: {matchLabels: {app: %[1]s}},
  template: {metadata: {labels: {app: %[1]s}}, spec: {terminationGracePeriodSeconds: 1, containers: [
  {name: main, image: %[2]q, imagePullPolicy: IfNotPresent, command: [sh, -c, %[3]q]}]}}}}`

const (
	soundImage  = "docker.io/library/busybox:latest"
	absentImage = "registry.example/shop/web:2.0-typo"
	sleeps      = "exec sleep 86400"
)

// start runs countersign, unless it runs.
func (f *faults) start() {
	f.Helper()
	if f.process != nil {
		return
	}
	var err error
	if f.process, err = f.s.Start(f.ctx); err != nil {
		f.Fatal(err)
	}
}

// kill ends it without warning.
func (f *faults) kill() {
	f.Helper()
	if err := f.process.Kill(); err != nil {
		f.Fatal(err)
	}
	f.process = nil
}

// stop asks it to end, which it must do within 5 s and with exit code 0.
func (f *faults) stop() {
	f.Helper()
	process := f.process
	f.process = nil
	if err := process.Stop(); err != nil {
		f.Fatal(err)
	}
}

func (f *faults) apply(name, image, script string) {
	f.Helper()
	if err := f.s.Apply(f.ctx, faultsNS, fmt.Sprintf(faultPod, name, image, script)); err != nil {
		f.Fatal(err)
	}
}

// breakImage brings up a workload that runs, and then gives it an image that
// does not exist.
func (f *faults) breakImage(name string) {
	f.Helper()
	f.apply(name, soundImage, sleeps)
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	if err := f.s.AwaitRollout(ctx, faultsNS, name); err != nil {
		f.Fatal(err)
	}
	f.apply(name, absentImage, sleeps)
}

func (f *faults) card(name string, want stand.Wanted) slackstub.Message {
	f.Helper()
	card, err := f.s.AwaitCard(f.ctx, patience, faultsNS, name, want)
	if err != nil {
		f.Fatal(err)
	}
	return card
}

// press presses Approve Fix as Alice does: again after an error that she is
// shown, until one press is acknowledged.
func (f *faults) press(name string) {
	f.Helper()
	for range 8 {
		card := f.card(name, stand.HasButton("cs-approve"))
		result, err := f.s.Slack.Click(slackstub.Alice, card.Channel, card.TS, "cs-approve", slackstub.ClickOptions{})
		if err == nil {
			if _, err = f.s.Slack.WaitAck(f.ctx, result.ID); err == nil {
				return
			}
		}
		if !errors.Is(err, slackstub.ErrNoConnection) && !errors.Is(err, slackstub.ErrNotAcknowledged) {
			f.Fatal(err)
		}
		f.pause(500 * time.Millisecond)
	}
	f.Fatal("no press was acknowledged")
}

func (f *faults) pause(d time.Duration) {
	select {
	case <-f.ctx.Done():
		f.Fatal(f.ctx.Err())
	case <-time.After(d):
	}
}

// until polls for something that must become true.
func (f *faults) until(what string, ok func() bool) {
	f.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); f.pause(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	f.Fatalf("never: %s", what)
}

// used checks that the stand-in for Slack did spoil what it was asked to.
func (f *faults) used(knobs ...string) {
	f.Helper()
	uses := f.s.Slack.KnobUses()
	for _, k := range knobs {
		if uses[k] == 0 {
			f.Errorf("nothing was tried: %s was never used (%v)", k, uses)
		}
	}
}

// executions counts the Jobs that changed the workload.
func (f *faults) executions(name string) int {
	f.Helper()
	d, err := f.s.Kube.AppsV1().Deployments(faultsNS).Get(f.ctx, name, metav1.GetOptions{})
	if err != nil {
		f.Fatal(err)
	}
	jobs, err := f.s.Kube.BatchV1().Jobs(f.s.Wall.ExecutorNamespace).List(f.ctx, metav1.ListOptions{})
	if err != nil {
		f.Fatal(err)
	}
	n := 0
	for _, j := range jobs.Items {
		if strings.HasPrefix(j.Name, "cs-a-"+string(d.UID)+"-") {
			n++
		}
	}
	return n
}

// isCard tells the card of a workload from the lines in its thread.
func isCard(m slackstub.Message, name string) bool {
	return (m.ThreadTS == "" || m.ThreadTS == m.TS) && !m.Ephemeral && strings.Contains(m.PlainText(), "/"+name)
}

// cards counts the cards of a workload.
func (f *faults) cards(name string) int {
	n := 0
	for _, m := range f.s.Slack.Messages(slackstub.ChannelAlerts) {
		if isCard(m, name) {
			n++
		}
	}
	return n
}

// fixedOnce waits until the workload has recovered, by one execution, on one card.
func (f *faults) fixedOnce(name string) {
	f.Helper()
	f.card(name, stand.Says("Recovered"))
	if n := f.executions(name); n != 1 {
		f.Errorf("%d executions of %s", n, name)
	}
	if n := f.cards(name); n != 1 {
		f.Errorf("%d cards of %s", n, name)
	}
}
