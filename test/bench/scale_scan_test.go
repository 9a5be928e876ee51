package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/test/cluster"
)

// scanTarget is the promise: a look at a healthy fleet costs at most so many
// times the bare lists.
const scanTarget = 1.5

// scanHealthy compares countersign scan with the same lists, bare.
func (s *scaled) scanHealthy(pods int) {
	uris := s.listsOfScan()
	var scans, lists costs
	for range *pairs {
		scans = append(scans, s.scanOnce(0))
		bare, err := run(s.childCommand("list", childURIs+"="+strings.Join(uris, "\n")))
		if err != nil || bare.code != 0 {
			s.Fatalf("list: %v\n%s", err, bare.said)
		}
		lists = append(lists, bare)
	}
	var t told
	if err := json.Unmarshal(lists[0].out, &t); err != nil {
		s.Fatal(err)
	}
	idle, err := run(s.command("version"))
	if err != nil {
		s.Fatal(err)
	}
	s.Logf("scan of %d healthy pods: %s (n=%d)", pods, scans, len(scans))
	s.Logf("  baseline, the same %d lists in protobuf, %d objects, decoded and dropped: %s", len(uris), t.Objects, lists)
	s.Logf("  of it, a process that does nothing: %s", costs{idle})
	s.report.scans[pods] = scans
	s.report.add(fmt.Sprintf("`scan` of %d healthy pods, wall clock", pods), short(scans.wall()), short(lists.wall())+" bare lists",
		"at most 1.5 times", times(scans.wall(), lists.wall())+" times", ratio(scans.wall(), lists.wall()) <= scanTarget)
	s.report.add("… processor time", short(scans.cpu()), short(lists.cpu())+" bare lists",
		"at most 1.5 times", times(scans.cpu(), lists.cpu())+" times", ratio(scans.cpu(), lists.cpu()) <= scanTarget)
	s.report.tell("… memory at its highest, RssAnon and VmHWM", mib(scans.anon())+", "+mib(scans.resident()), mib(lists.anon())+", "+mib(lists.resident())+" (nothing is kept)")
}

func ratio[T ~int | ~int64](a, b T) float64 { return float64(a) / float64(b) }

// scanOnce scans everything. A scan that does not end as wanted is no figure.
func (s *scaled) scanOnce(code int) cost {
	s.Helper()
	c, err := run(s.command("scan", "-A", "-o", "json"))
	if err != nil || c.code != code {
		s.Fatalf("scan: %v, exit code %d, want %d\n%.3000s\n%.3000s", err, c.code, code, c.out, c.said)
	}
	return c
}

// failing is how many pods of the small fleet fail.
const failing = 500

// scanFailing breaks one in ten of the small fleet, each workload for the same
// reason in all its pods, and counts the logs that a scan reads.
func (s *scaled) scanFailing() {
	broken := s.fleet.apps[:min(failing/appPods, len(s.fleet.apps)/10+1)]
	s.each(len(broken), func(ctx context.Context, n int) error { return broken[n].become(ctx, s, crashes) })
	var scans costs
	before := s.kubelet.logs.Load()
	for range *pairs {
		scans = append(scans, s.scanOnce(1))
	}
	read := (s.kubelet.logs.Load() - before) / int64(*pairs)
	var found []struct {
		Cause string `json:"cause"`
	}
	if err := json.Unmarshal(scans[0].out, &found); err != nil {
		s.Fatalf("read what scan found: %v\n%.500s", err, scans[0].out)
	}
	if len(found) != len(broken) {
		s.Errorf("scan found %d of %d broken workloads", len(found), len(broken))
	}
	pods := len(broken) * appPods
	s.Logf("scan with %d of %d pods failing, in %d workloads: %s; it read %d logs", pods, len(s.fleet.apps)*appPods, len(broken), scans, read)
	s.report.add(fmt.Sprintf("`scan` with %d of %d pods failing in %d workloads: logs read", pods, len(s.fleet.apps)*appPods, len(broken)),
		fmt.Sprint(read), fmt.Sprintf("%d (current and previous of each pod)", 2*pods), "one pod an owner and cause", fmt.Sprintf("%d pods, two logs each", read/2), read <= int64(2*len(broken)))
	s.report.tell("… wall clock, processor time, RssAnon", short(scans.wall())+", "+short(scans.cpu())+", "+mib(scans.anon()), "")
	s.each(len(broken), func(ctx context.Context, n int) error { return broken[n].become(ctx, s, runs) })
}

// linear compares the two sizes.
func (s *scaled) linear() {
	few, many := s.report.scans[*fewPods], s.report.scans[*manyPods]
	if few == nil || many == nil {
		return
	}
	grown := ratio(*manyPods, *fewPods)
	s.report.add(fmt.Sprintf("`scan` from %d to %d pods", *fewPods, *manyPods),
		fmt.Sprintf("%s times the time, %s times the processor time", times(many.wall(), few.wall()), times(many.cpu(), few.cpu())), "",
		"linear", fmt.Sprintf("%.0f times the pods", grown), ratio(many.cpu(), few.cpu()) <= 1.2*grown)
}

// adminToken writes a kubeconfig that acts as an account which may do everything:
// a certificate would not come through a wire of ours.
func (s *scaled) adminToken(ctx context.Context, dir string) (string, error) {
	c, err := cluster.Running(ctx, *scaleDir)
	if err != nil {
		return "", err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "bench-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceDefault, Name: "default"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	}
	if _, err := s.client.RbacV1().ClusterRoleBindings().Get(ctx, binding.Name, metav1.GetOptions{}); err != nil {
		if _, err := s.client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
			return "", fmt.Errorf("bind the administrator: %w", err)
		}
	}
	path := filepath.Join(dir, "admin-token.kubeconfig")
	return path, c.ServiceAccountKubeconfig(ctx, metav1.NamespaceDefault, "default", path)
}
