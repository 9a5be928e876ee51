// Package calibration measures how often the rules of diagnose are right. It
// deploys faults whose cause is known, and workloads that are innocent or nearly
// guilty, on a real cluster, looks at them as the product does, and counts by
// exact cause and root object. It judges nothing else: a miss stays in the count.
package calibration

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/countersign-dev/countersign/internal/calibrate"
)

var update = flag.Bool("update", false, "write what this run measured into the record that the product carries")

const (
	recordFile = "../../internal/calibrate/record.json"
	command    = "go test ./test/calibration -run TestMeasure -update"
	// sideBySide keeps the pods of running batches well below what a node takes.
	sideBySide = 3
)

// TestMeasure prints the table of confusion. Without -update it fails where a
// rule does worse than the record says.
func TestMeasure(t *testing.T) {
	kubeconfig := os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")
	if kubeconfig == "" {
		t.Skip("SKIPPED, NO CONFIDENCE WAS MEASURED: COUNTERSIGN_TEST_KUBECONFIG names no cluster (make cluster-up makes one)")
	}
	b := connect(t, kubeconfig)
	var (
		mu  sync.Mutex
		all []outcome
		eg  errgroup.Group
	)
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	eg.SetLimit(sideBySide)
	for _, batch := range readBatches(t) {
		if !strings.Contains(batch.Name, *only) {
			continue
		}
		eg.Go(func() error {
			start := time.Now()
			outcomes, err := b.run(ctx, batch)
			t.Logf("%-16s %2d trials in %s", batch.Name, len(outcomes), time.Since(start).Round(time.Second))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, outcomes...)
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, table(all))
	}
	t.Logf("\n%s", table(all))
	if *update {
		write(t, calibrate.Record{By: command, Rules: tally(all)})
		return
	}
	compare(t, tally(all))
}

// only picks batches, to look into one; a record needs them all.
var only = flag.String("batch", "", "run only the batches with this in their name")

func write(t *testing.T, r calibrate.Record) {
	t.Helper()
	if *only != "" {
		t.Fatal("a record of some batches would be none: leave out -batch")
	}
	raw, err := json.MarshalIndent(r, "", "  ") // encoding/json sorts the rules
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recordFile, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, now map[string]calibrate.Trials) {
	t.Helper()
	shipped, err := calibrate.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for id, is := range now {
		was := shipped.Rules[id]
		if share := float64(is.Right) / float64(is.Of); share < calibrate.Lower(was) {
			t.Errorf("%s was right in %d of %d trials, the record says %d of %d", id, is.Right, is.Of, was.Right, was.Of)
		}
	}
}
