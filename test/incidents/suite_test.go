package incidents

import (
	"context"
	"flag"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"
)

var (
	only      = flag.String("only", "", "play the scenarios whose name matches this regular expression; a miss fails only where the record has none")
	set       = flag.String("set", "", "the set to play: a folder of testdata; testdata itself if empty")
	neutral   = flag.Bool("neutral", false, "give everything a name that says nothing")
	update    = flag.Bool("update", false, "write what this run measured into docs/accuracy.md and testdata/record.json")
	abreast   = flag.Int("abreast", 6, "how many scenarios are played at the same time")
	program   = flag.String("program", "", "a built countersign to ask; built from this tree if empty")
	stormPods = flag.Int("storm", 0, "pods of the storm; as many as the node takes, at most 200, if 0 (10,000 need kwok's nodes)")
	keepGoing = flag.Duration("limit", 50*time.Minute, "time limit of the whole run")
)

const (
	recordFile   = "testdata/record.json"
	accuracyFile = "../../docs/accuracy.md"
	command      = "go test ./test/incidents -run TestScenarios -timeout 60m"
)

// TestScenarios prints the table. Without -update it fails where the rules do
// worse than the record says.
func TestScenarios(t *testing.T) {
	kubeconfig := os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")
	if kubeconfig == "" {
		t.Skip("SKIPPED, NO INCIDENT WAS PLAYED: COUNTERSIGN_TEST_KUBECONFIG names no cluster (make scenarios brings one up)")
	}
	texts := chosen(t)
	conn, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBench(conn, buildProgram(t), kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	// An interrupted run takes its namespaces away, too.
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *keepGoing)
	defer cancel()
	if err := b.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	all := playAll(ctx, t, b, texts)
	figures := summarize(all, time.Since(start))
	t.Logf("\n%s", table(all, figures))
	for _, name := range figures.NotPlayed {
		t.Errorf("%s could not be played", name)
	}
	compare(t, b, all, figures)
}

func chosen(t *testing.T) map[string]string {
	t.Helper()
	texts, err := Load(filepath.Join("testdata", *set))
	if err != nil {
		t.Fatal(err)
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(texts, func(name, _ string) bool { return !match.MatchString(name) })
	if len(texts) == 0 {
		t.Fatalf("no scenario matches %q", *only)
	}
	return texts
}

// playAll plays those that share the cluster side by side, and then the others
// one by one. A lock keeps the second part of one run apart from every other run
// on this machine.
func playAll(ctx context.Context, t *testing.T, b *Bench, texts map[string]string) []Outcome {
	t.Helper()
	var (
		mu  sync.Mutex
		all []Outcome
	)
	play := func(name string) {
		o, err := b.Run(ctx, name, texts[name], Options{Neutral: *neutral, StormPods: *stormPods})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		verdict := "OK  "
		if !o.OK() {
			verdict = "MISS"
		}
		t.Logf("%s %-30s %4.0fs  %s", verdict, name, o.Took.Seconds(), o.got())
		all = append(all, o)
	}
	var apart, together []string
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if regexp.MustCompile(`(?m)^alone: true`).MatchString(texts[name]) {
			apart = append(apart, name)
		} else {
			together = append(together, name)
		}
	}
	unlock := lock(t, false)
	var eg errgroup.Group
	eg.SetLimit(*abreast)
	for _, name := range together {
		eg.Go(func() error { play(name); return nil })
	}
	_ = eg.Wait() // play tells the test itself
	unlock()
	if len(apart) > 0 {
		defer lock(t, true)()
	}
	for _, name := range apart {
		play(name)
	}
	return all
}
