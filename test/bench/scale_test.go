package bench_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/test/cluster"
)

// The flags that `make bench` sets. Without -scale nothing of this is measured:
// it takes an hour and the whole machine.
var (
	scale    = flag.Bool("scale", false, "measure how figures grow with the fleet (root, minutes, gigabytes)")
	update   = flag.Bool("update", false, "write the figures into docs/speed.md")
	fewPods  = flag.Int("pods", 5000, "pods of the small fleet")
	manyPods = flag.Int("many", 50000, "pods of the large fleet; 0 leaves it out")
	pairs    = flag.Int("pairs", 5, "alternating runs of each comparison")
	pour     = flag.Duration("pour", 5*time.Minute, "how long events pour in; 0 leaves it out")
	rate     = flag.Int("rate", 5000, "events a second")
	stormed  = flag.Int("storm", 10000, "pods of the storm; 0 leaves it out")
	// It is fixed, so that what a killed run left is taken over.
	scaleDir = flag.String("dir", filepath.Join(os.TempDir(), "countersign-scale"), "where the control plane lives")
)

// scaled is one control plane without a node, and the fleet on it: the objects
// are real, what runs on the nodes is written by the harness.
type scaled struct {
	*testing.T
	ctx     context.Context
	admin   *rest.Config
	client  *kubernetes.Clientset
	kubelet *kubelet
	fleet   *fleet
	config  string // the administrator's kubeconfig
	binary  string // countersign
	report  *report
}

func TestMain(m *testing.M) {
	if kind := os.Getenv(childKind); kind != "" {
		os.Exit(child(kind))
	}
	flag.Parse()
	code := m.Run()
	if scaleUp {
		if err := cluster.Down(*scaleDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

var scaleUp bool

// TestScale prints what a look and a watch cost by the size of the fleet, next to
// what bare client-go needs for the same in the same run. It never fails for
// being slow; it fails when something is lost or told twice.
func TestScale(t *testing.T) {
	if !*scale {
		t.Skip("SKIPPED, nothing was measured: -scale is not set (make bench sets it)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Minute)
	defer cancel()
	s := newScaled(ctx, t)
	s.fleet.grow(s, *fewPods)
	s.sized(*fewPods)
	s.run("500 failing", func(s *scaled) { s.scanFailing() })
	if *stormed > 0 {
		s.run("storm", func(s *scaled) { s.storms() })
	}
	if *pour > 0 {
		s.run("events", func(s *scaled) { s.pours() })
	}
	s.tell()
	if *manyPods > 0 {
		s.fleet.grow(s, *manyPods)
		s.sized(*manyPods)
		s.linear()
		s.tell()
	}
}

// tell prints the table so far, and writes it where the figures are whole.
func (s *scaled) tell() {
	s.Logf("the figures:\n%s", s.report.table())
	if *update && !s.Failed() {
		s.report.write(s.T)
	}
}

// sized measures everything that depends on the size of a healthy fleet.
func (s *scaled) sized(pods int) {
	s.run(fmt.Sprintf("scan of %d", pods), func(s *scaled) { s.scanHealthy(pods) })
	s.run(fmt.Sprintf("watch of %d", pods), func(s *scaled) { s.watchHealthy(pods) })
	s.run(fmt.Sprintf("whole of %d", pods), func(s *scaled) { s.whole(pods) })
}

func (s *scaled) run(name string, f func(*scaled)) {
	s.Run(name, func(t *testing.T) {
		sub := *s
		sub.T = t
		f(&sub)
	})
}

// quiet are the controllers that a fleet written by hand needs; the others would
// make and delete what the harness wrote.
const quiet = "--controllers=serviceaccount-controller,root-ca-certificate-publisher-controller,namespace-controller"

func newScaled(ctx context.Context, t *testing.T) *scaled {
	t.Helper()
	if err := cluster.Available(); err != nil {
		if errors.Is(err, cluster.ErrUnavailable) {
			t.Skipf("SKIPPED, nothing was measured: %v", err)
		}
		t.Fatal(err)
	}
	scaleUp = true
	c, err := cluster.Up(ctx, cluster.Config{
		Dir: *scaleDir, Detach: true, ControlPlane: true, Log: func(line string) { t.Log(line) },
		// The stand-in for the kubelets has a certificate of its own.
		APIServerArgs:  []string{"--kubelet-certificate-authority=", "--event-ttl=3h", "--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000"},
		ControllerArgs: []string{quiet},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CLUSTER", *scaleDir)
	s := &scaled{T: t, ctx: ctx, admin: c.AdminConfig(), config: c.Kubeconfig(), report: newReport()}
	s.admin.QPS = -1
	s.admin.AcceptContentTypes, s.admin.ContentType = "application/vnd.kubernetes.protobuf,application/json", "application/vnd.kubernetes.protobuf"
	if s.client, err = kubernetes.NewForConfig(s.admin); err != nil {
		t.Fatal(err)
	}
	if s.kubelet, err = newKubelet(c.HostAddress()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kubelet.close)
	s.binary = s.build()
	s.fleet = newFleet(s)
	return s
}
