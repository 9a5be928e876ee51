package bench_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/watch"
	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// The promises about memory. Heap is what a pod adds; RssAnon is the process's own
// memory, whatever it holds.
const (
	heapTarget = 2 << 10 // bytes a pod
	anonFew    = 50 << 10
	anonMany   = 120 << 10 // KiB
	// restFor is how long a process is left alone before it is weighed: the Go
	// runtime gives memory back slowly.
	restFor = 15 * time.Second
)

// kept is what a child that holds pods told, and what it weighed afterwards.
type kept struct {
	told
	cpu    time.Duration
	memory map[string]int
}

// hold runs a child until it has synced and rested, and weighs it.
func (s *scaled) hold(kind string, pods int) kept {
	s.Helper()
	cmd := s.childCommand(kind, fmt.Sprintf("%s=%d", childPods, pods))
	in, err := cmd.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	var k kept
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &k.told)
	}
	if err != nil {
		s.Fatalf("%s: %v (%v)", kind, err, end(cmd, in))
	}
	time.Sleep(restFor)
	if k.memory, err = memoryOf(cmd.Process.Pid); err != nil {
		s.Fatal(err)
	}
	if err := end(cmd, in); err != nil {
		s.Fatalf("%s: %v", kind, err)
	}
	k.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return k
}

func end(cmd *exec.Cmd, in interface{ Close() error }) error {
	if err := in.Close(); err != nil {
		return err
	}
	return cmd.Wait()
}

// watchHealthy compares the Watcher with a plain informer of pods alone.
func (s *scaled) watchHealthy(pods int) {
	var ours, plain []kept
	for range max(*pairs*3/5, 1) {
		ours, plain = append(ours, s.hold("watch", pods)), append(plain, s.hold("informer", pods))
	}
	per := func(k kept) int { return int(k.Heap) / pods }
	s.report.add(fmt.Sprintf("heap of a watched pod, of %d", pods), fmt.Sprintf("%d bytes", middle(ours, per)),
		fmt.Sprintf("%d bytes in a plain informer", middle(plain, per)), "at most 2 KiB", "everything else that is watched is in it", middle(ours, per) <= heapTarget)
	synced := func(k kept) time.Duration { return k.Took }
	cpu := func(k kept) time.Duration { return k.cpu }
	s.report.tell("… until synced, processor time in all", short(middle(ours, synced))+", "+short(middle(ours, cpu)), short(middle(plain, synced))+", "+short(middle(plain, cpu))+" (pods alone)")
	anon, resident := func(k kept) int { return k.memory["RssAnon"] }, func(k kept) int { return k.memory["VmRSS"] }
	s.report.tell("… RssAnon, VmRSS of a process that does nothing else", mib(middle(ours, anon))+", "+mib(middle(ours, resident)), mib(middle(plain, anon))+", "+mib(middle(plain, resident)))
	s.Logf("%d pods watched: %d bytes of heap a pod, synced in %s, %s of processor, RssAnon %s, VmRSS %s, VmHWM %s (n=%d)", pods, middle(ours, per), short(middle(ours, synced)),
		short(middle(ours, cpu)), mib(middle(ours, anon)), mib(middle(ours, resident)), mib(ours[0].memory["VmHWM"]), len(ours))
	s.Logf("  baseline, a plain informer of pods: %d bytes a pod, synced in %s, %s of processor, RssAnon %s, VmRSS %s, VmHWM %s", middle(plain, per), short(middle(plain, synced)),
		short(middle(plain, cpu)), mib(middle(plain, anon)), mib(middle(plain, resident)), mib(plain[0].memory["VmHWM"]))
}

// middle is the median of one figure.
func middle[T int | time.Duration](list []kept, of func(kept) T) T {
	var all []T
	for _, k := range list {
		all = append(all, of(k))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// product is a whole Countersign on the fleet: both roles, a stand-in for Slack,
// all namespaces watched, and remediation off, which needs no executor. way is the
// watcher's kubeconfig; empty for its own account.
func (s *scaled) product(name, way string) (*stand.Stand, *stand.Process) {
	s.Helper()
	s.Setenv("EXECUTOR_IMAGE", "registry.example/countersign/executor@sha256:"+strings.Repeat("0", 64))
	env := map[string]string{
		"REMEDIATION_MODE": "off", "CARDS_PER_HOUR": "1000", "HOLD_IMMEDIATE": "0s", "LEADER_ELECTION": "false", "WATCH_NAMESPACES": "all",
	}
	if way != "" {
		env["WATCHER_KUBECONFIG"] = way
	}
	st, err := stand.New(s.ctx, stand.Config{
		Name: name, Namespaces: []string{"scale-" + name}, Env: env, Slack: slackstub.Config{Limits: slackstub.Limits{Off: true}}, Log: func(string) {},
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := st.Close(); err != nil {
			s.Error(err)
		}
	})
	if err := s.letRead(name, st.Wall.Namespace, st.Wall.Watcher); err != nil {
		s.Fatal(err)
	}
	p, err := st.Start(s.ctx)
	if err != nil {
		s.Fatal(err)
	}
	return st, p
}

// letRead lets an account read in all namespaces what the Watcher reads.
func (s *scaled) letRead(name, namespace, account string) error {
	meta := metav1.ObjectMeta{Name: "bench-reads-" + name}
	role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: append(watch.Rules(), watch.ClusterRules()...)}
	if _, err := s.client.RbacV1().ClusterRoles().Create(s.ctx, role, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("let %s read: %w", account, err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
	}
	if _, err := s.client.RbacV1().ClusterRoleBindings().Create(s.ctx, binding, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("let %s read: %w", account, err)
	}
	return nil
}

// whole weighs a Countersign that watches the fleet.
func (s *scaled) whole(pods int) {
	began := time.Now()
	_, p := s.product(fmt.Sprintf("whole-%d", pods), "")
	synced := time.Since(began)
	time.Sleep(2 * restFor)
	m, err := memoryOf(p.PID())
	if err != nil {
		s.Fatal(err)
	}
	target := anonFew
	if pods > *fewPods {
		target = anonMany
	}
	s.Logf("a whole Countersign on %d pods: RssAnon %s, VmRSS %s, VmHWM %s; ready %s after its set-up began", pods, mib(m["RssAnon"]), mib(m["VmRSS"]), mib(m["VmHWM"]), short(synced))
	s.report.add(fmt.Sprintf("RssAnon of a whole Countersign that watches %d pods", pods), mib(m["RssAnon"]), "", "under "+mib(target),
		fmt.Sprintf("VmRSS %s, VmHWM %s", mib(m["VmRSS"]), mib(m["VmHWM"])), m["RssAnon"] < target)
}
