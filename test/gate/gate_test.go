// Package gate_test approves by the thousand while everything around the
// product fails, and counts from outside what came of it. The product's own
// binary runs against a real API server, the stand-in for Slack and the store
// file or Redis. There is no node: Jobs and their pods are made by the real
// controllers, and the harness is the kubelet of the executor namespace, which
// runs the executor's own code under the account and the pod's name that a
// pod-bound token would carry. Faults are made on the wires and from outside.
//
// What is counted rests on nothing that the product says of itself: the API
// server's audit log and the targets' generation say what was changed, the
// harness's own notes say who pressed what, and the card is what people see.
package gate_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/test/cluster"
)

// The flags that `make e2e-gate` sets; the defaults are what continuous
// integration takes.
var (
	approvals = flag.Int("approvals", 150, "approvals of the volume run")
	troubled  = flag.Int("troubled", 50, "approvals of the run in which everything fails")
	storm     = flag.Int("storm", 120, "workloads that break at once")
	within    = flag.Duration("within", 20*time.Minute, "how long one run may take")
	share     = flag.Float64("share", 0.05, "share of requests, frames and presses that are spoilt in the volume run")
	inFlight  = flag.Int("in-flight", 40, "incidents at a time")
	seed      = flag.Uint64("seed", 0, "seed of all dice; 0 takes one from the clock")
	// It is fixed, so that what a killed run left is taken over.
	clusterDir = flag.String("dir", filepath.Join(os.TempDir(), "countersign-gate"), "where the control plane lives")
)

// auditPolicy makes the API server write down who changed a workload or made a
// Job, and nothing else.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: Metadata, verbs: [create, update, patch, delete, deletecollection], resources: [{group: apps, resources: ["deployments", "deployments/scale"]}]}
- {level: Metadata, verbs: [create], resources: [{group: batch, resources: ["jobs"]}]}
- {level: None}
`

func auditDir() string { return *clusterDir + "-audit" }

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	code := m.Run()
	if err := down(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// down takes the control plane away, if this process brought it up.
func down() error {
	if !broughtUp {
		return nil
	}
	return errors.Join(cluster.Down(*clusterDir), os.RemoveAll(auditDir()))
}

var broughtUp bool

// controlPlane brings up an API server and controllers, without a node and
// without the controllers that would make pods for the targets. It returns the
// API server's audit log.
func controlPlane(ctx context.Context, t *testing.T) (auditLog string) {
	t.Helper()
	if err := cluster.Available(); err != nil {
		if errors.Is(err, cluster.ErrUnavailable) {
			t.Skipf("SKIPPED, NOTHING WAS APPROVED: %v", err)
		}
		t.Fatal(err)
	}
	auditLog = filepath.Join(auditDir(), "audit.log")
	t.Setenv("CLUSTER", *clusterDir)
	if broughtUp {
		return auditLog
	}
	if err := os.MkdirAll(auditDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	policy := filepath.Join(auditDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o644); err != nil {
		t.Fatal(err)
	}
	broughtUp = true
	_, err := cluster.Up(ctx, cluster.Config{
		Dir: *clusterDir, Detach: true, ControlPlane: true, Log: func(line string) { t.Log(line) },
		APIServerArgs: []string{"--audit-policy-file=" + policy, "--audit-log-path=" + auditLog, "--audit-log-maxsize=8000"},
		ControllerArgs: []string{
			"--kube-api-qps=2000", "--kube-api-burst=4000", "--concurrent-job-syncs=20", "--concurrent-gc-syncs=40",
			"--controllers=*,-deployment-controller,-replicaset-controller,-node-lifecycle-controller,-pod-garbage-collector-controller",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return auditLog
}
