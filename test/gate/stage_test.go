package gate_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// executorImage is pinned and never pulled: nothing here runs containers.
var executorImage = "registry.example/countersign/executor@sha256:" + strings.Repeat("0", 64)

// namespaces is over how many the targets of a run are spread: one look of the
// product lists what stands in a namespace.
const namespaces = 8

// stage is one installation with wires around it, and everybody who is not the
// product: the kubelet, the people, the controllers of the targets.
type stage struct {
	*testing.T
	ctx    context.Context
	name   string
	s      *stand.Stand
	client kubernetes.Interface
	audit  string
	dice   *dice

	slack, gate, watcher, executor, probes *wire

	ledger  *ledger
	board   *board
	people  *people
	kubelet *kubelet
	owners  sync.WaitGroup

	mu        sync.Mutex
	processes map[string]*stand.Process // by role
}

// quick are the durations of the loop here. The debounce is long enough that
// nobody looks again at what waits for an approval.
func quick() map[string]string {
	return map[string]string{
		"HOLD_IMMEDIATE": "0s", "HOLD_SETTLING": "0s", "HOLD_PENDING": "0s", "DEBOUNCE": "20s", "VERIFY_WINDOW": "1s",
		"UNDO_WINDOW": "0s", "QUIET_PERIOD": "0s", "CHANGES_PER_HOUR": "1000000", "CARDS_PER_HOUR": "1000000", "LOG_LEVEL": "info",
	}
}

func newStage(ctx context.Context, t *testing.T, name string, slack slackstub.Config, env map[string]string) *stage {
	t.Helper()
	st := &stage{T: t, ctx: ctx, name: name, dice: newDice(*seed), board: newBoard(), processes: map[string]*stand.Process{}}
	st.audit = controlPlane(ctx, t)
	t.Setenv("EXECUTOR_IMAGE", executorImage)
	st.ledger = newLedger(t.Logf)
	dir := t.TempDir()
	st.slack = newWire("slack", st.dice, http.DefaultTransport, false)
	t.Cleanup(st.slack.close)
	settings := quick()
	maps.Copy(settings, map[string]string{
		"SLACK_API_URL":   st.slack.server.URL + "/api/",
		"GATE_KUBECONFIG": filepath.Join(dir, "gate.kubeconfig"), "WATCHER_KUBECONFIG": filepath.Join(dir, "watcher.kubeconfig"),
	})
	maps.Copy(settings, env)
	var targets []string
	for n := range namespaces {
		targets = append(targets, fmt.Sprintf("%s-%d", name, n))
	}
	var err error
	st.s, err = stand.New(ctx, stand.Config{Name: name, Namespaces: targets, Slack: slack, Env: settings, Log: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.s.Close(); err != nil {
			t.Error(err)
		}
	})
	st.slack.to.Store(mustURL(st.s.Slack.Origin()))
	st.wires(settings)
	t.Cleanup(st.killAll) // before the wires are closed, which wait for their clients
	if err := furnish(ctx, st.client, st.s.Wall.ProbeNamespace()); err != nil {
		t.Fatal(err)
	}
	st.people = &people{slack: st.s.Slack, ledger: st.ledger, dice: st.dice}
	st.staff()
	return st
}

// wires puts a proxy between each role, and the executors, and the API server.
func (st *stage) wires(settings map[string]string) {
	admin := st.s.Cluster.AdminConfig()
	admin.QPS = -1
	var err error
	if st.client, err = kubernetes.NewForConfig(admin); err != nil {
		st.Fatal(err)
	}
	through := func(name string, upstream *rest.Config, tls bool) *wire {
		transport, err := rest.TransportFor(upstream)
		if err != nil {
			st.Fatal(err)
		}
		w := newWire(name, st.dice, transport, tls)
		w.to.Store(mustURL(admin.Host))
		st.Cleanup(w.close)
		return w
	}
	anonymous := rest.AnonymousClientConfig(admin)
	st.gate, st.watcher = through("api (gate)", anonymous, true), through("api (watcher)", anonymous, true)
	st.executor, st.probes = through("api (executor)", admin, false), through("api (probes)", admin, false)
	// One lost answer of some seventy is a fence that is not proven, and then
	// nothing is offered at all: what the proof asks is spared.
	st.gate.spare = func(r *http.Request) bool {
		return strings.HasPrefix(r.URL.Path, "/apis/admissionregistration.k8s.io/") || strings.Contains(r.URL.Path, "/namespaces/"+st.s.Wall.ProbeNamespace()+"/")
	}
	for account, way := range map[string]*wire{st.s.Wall.Gate: st.gate, st.s.Wall.Watcher: st.watcher} {
		conn, err := clientcmd.LoadFromFile(filepath.Join(st.s.Dir, account+".kubeconfig"))
		if err != nil {
			st.Fatal(err)
		}
		for _, c := range conn.Clusters {
			c.Server, c.CertificateAuthority, c.TLSServerName = way.server.URL, "", ""
			c.CertificateAuthorityData = way.authority()
		}
		path := settings["GATE_KUBECONFIG"]
		if way == st.watcher {
			path = settings["WATCHER_KUBECONFIG"]
		}
		if err := clientcmd.WriteToFile(*conn, path); err != nil {
			st.Fatal(err)
		}
	}
}

// staff starts everybody who is not the product.
func (st *stage) staff() {
	ctx, cancel := context.WithCancel(st.ctx)
	events, stop := st.s.Slack.Subscribe()
	st.owners.Go(func() { st.board.follow(events) })
	node := st.s.Cluster.AdminConfig()
	node.QPS = -1
	// Not of the group system:nodes: the pods are bound to no node.
	node.Impersonate = rest.ImpersonationConfig{UserName: "system:node:gate", Groups: []string{"system:masters"}}
	asNode, err := kubernetes.NewForConfig(node)
	if err != nil {
		st.Fatal(err)
	}
	k := &kubelet{
		namespace: st.s.Wall.ExecutorNamespace, node: asNode, executor: &rest.Config{Host: st.executor.server.URL, WarningHandler: rest.NoWarnings{}},
		probes: &rest.Config{Host: st.probes.server.URL, WarningHandler: rest.NoWarnings{}},
		ledger: st.ledger, dice: st.dice, seen: map[types.UID]bool{}, queue: make(chan *corev1.Pod, 4096),
	}
	st.kubelet = k
	st.owners.Go(func() { k.run(ctx) })
	st.owners.Go(func() { st.rollOuts(ctx) })
	st.Cleanup(func() {
		cancel()
		stop()
		st.owners.Wait()
	})
}

// rollOuts are the Deployment controller of the targets.
func (st *stage) rollOuts(ctx context.Context) {
	queue := make(chan *appsv1.Deployment, 4096)
	var factories []informers.SharedInformerFactory
	for _, ns := range st.targetNamespaces() {
		factory := informers.NewSharedInformerFactoryWithOptions(st.client, 0, informers.WithNamespace(ns))
		_, _ = factory.Apps().V1().Deployments().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
			UpdateFunc: func(_, now any) {
				if d, ok := now.(*appsv1.Deployment); ok && needsRollout(d) {
					queue <- d
				}
			},
		})
		factory.StartWithContext(ctx)
		factories = append(factories, factory)
	}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case d := <-queue:
					for err := rollOut(ctx, st.client, d); err != nil && ctx.Err() == nil; err = rollOut(ctx, st.client, d) {
						st.ledger.note("rollout of %s: %v", d.Name, err)
						sleep(ctx, 200*time.Millisecond)
					}
				}
			}
		})
	}
	workers.Wait()
	for _, f := range factories {
		f.Shutdown()
	}
}

// spoil makes a share of everything go wrong, once the fence has been proven.
func (st *stage) spoil(share float64) {
	for end := time.Now().Add(time.Minute); !strings.Contains(st.logWhole(), "the fence is proven"); sleep(st.ctx, 200*time.Millisecond) {
		if time.Now().After(end) {
			st.Fatalf("the fence is not proven within a minute:\n%s", st.logTail())
		}
	}
	st.people.share = share
	st.kubelet.spoil(share/5, share)
	for _, w := range []*wire{st.slack, st.gate, st.watcher, st.executor} {
		w.spoil(share)
	}
}

func (st *stage) targetNamespaces() (out []string) {
	for n := range namespaces {
		out = append(out, fmt.Sprintf("%s-%d", st.name, n))
	}
	return out
}

// start runs a role ("" for both in one process) and keeps it by name, which
// tells two gates apart.
func (st *stage) start(name, role string) error {
	var words []string
	if role != "" {
		words = []string{"--role", role}
	}
	p, err := st.s.Start(st.ctx, words...)
	if err != nil {
		if p != nil {
			err = errors.Join(err, p.Kill())
		}
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.processes[name] = p
	return nil
}

// kill ends a process without warning.
func (st *stage) kill(name string) {
	st.mu.Lock()
	p := st.processes[name]
	delete(st.processes, name)
	st.mu.Unlock()
	if p != nil {
		if err := p.Kill(); err != nil {
			st.Errorf("kill %s: %v", name, err)
		}
	}
}

func (st *stage) killAll() {
	st.mu.Lock()
	names := slices.Collect(maps.Keys(st.processes))
	st.mu.Unlock()
	for _, name := range names {
		st.kill(name)
	}
}

// logTail is what the product said last.
func (st *stage) logTail() string {
	raw, err := os.ReadFile(filepath.Join(st.s.Dir, "countersign.stderr"))
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-6000):])
}
