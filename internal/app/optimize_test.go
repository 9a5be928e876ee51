package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// fullDeployment fills 60 MiB of a limit of 64 MiB and hardly computes.
const fullDeployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"selector":{"matchLabels":{"app":"web"}},
"template":{"metadata":{"labels":{"app":"web"}},"spec":{"terminationGracePeriodSeconds":1,"volumes":[{"name":"mem","emptyDir":{"medium":"Memory"}}],
"containers":[{"name":"app","image":"docker.io/library/busybox:latest","imagePullPolicy":"IfNotPresent",
"command":["sh","-c","dd if=/dev/zero of=/mem/x bs=1M count=60; while :; do sleep 1; done"],"volumeMounts":[{"name":"mem","mountPath":"/mem"}],
"resources":{"requests":{"cpu":"10m","memory":"32Mi"},"limits":{"memory":"64Mi"}}}]}}}}`

const cpuScaler = `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web"},"spec":{"minReplicas":1,"maxReplicas":3,
"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},
"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}]}}`

// TestLiveMemoryNearItsLimitIsProposedAfterAWatchAndOnlyWarnedOfAtOneLook is the
// requirement's example on a real cluster.
func TestLiveMemoryNearItsLimitIsProposedAfterAWatchAndOnlyWarnedOfAtOneLook(t *testing.T) {
	path := os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("SKIPPED, NOTHING WAS MEASURED: COUNTERSIGN_TEST_KUBECONFIG names no cluster")
	}
	ns := fullNamespace(t, path)
	o := OptimizeOptions{LookOptions: LookOptions{Kubeconfig: path, Namespace: ns, Output: "json"}}
	first := sizedFindings(t, o, 4*time.Minute)
	if near := first["memory-near-limit-unscaled"]; near.Proposal != nil || near.Samples != 1 || near.NoProposal == "" {
		t.Errorf("at one look: %+v", near)
	}
	o.Watch = 70 * time.Second
	watched := sizedFindings(t, o, time.Second)
	near := watched["memory-near-limit-unscaled"]
	if near.Samples < 3 || near.Proposal == nil || !strings.Contains(near.Proposal.Change, "from 64Mi to 96Mi") {
		t.Errorf("after a watch: %+v", near)
	}
	t.Logf("%d samples over %.0f s: %+v", near.Samples, near.SpanSeconds, near.Proposal)
}

type sizedFinding struct {
	Code        string
	Samples     int
	SpanSeconds float64
	NoProposal  string
	Proposal    *struct{ Change, Undo string }
}

// sizedFindings runs optimize until it finds something, for at most a while, and
// gives what it found by code.
func sizedFindings(t *testing.T, o OptimizeOptions, patience time.Duration) map[string]sizedFinding {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(3 * time.Second) {
		var out, notes bytes.Buffer
		n, err := Optimize(t.Context(), o, "deploy/web", &out, &notes)
		if n == 0 && time.Since(begin) < patience {
			continue
		}
		var got struct{ Findings []sizedFinding }
		if err != nil || json.Unmarshal(out.Bytes(), &got) != nil {
			t.Fatalf("%v\n%s%s", err, notes.String(), out.String())
		}
		by := map[string]sizedFinding{}
		for _, f := range got.Findings {
			by[f.Code] = f
		}
		if _, near := by["memory-near-limit-unscaled"]; near || time.Since(begin) > patience {
			return by
		}
	}
}

func fullNamespace(t *testing.T, kubeconfig string) string {
	t.Helper()
	conn, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(conn)
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "sizing-test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	apply := metav1.PatchOptions{FieldManager: "test"}
	if _, err := client.AppsV1().Deployments(ns.Name).Patch(t.Context(), "web", types.ApplyPatchType, []byte(fullDeployment), apply); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AutoscalingV2().HorizontalPodAutoscalers(ns.Name).Patch(t.Context(), "web", types.ApplyPatchType, []byte(cpuScaler), apply); err != nil {
		t.Fatal(err)
	}
	return ns.Name
}
