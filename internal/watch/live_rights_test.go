package watch

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// asWatcher is an account with exactly the rules that the package asks for.
func asWatcher(t *testing.T, conn *rest.Config, client kubernetes.Interface, ns string) *rest.Config {
	t.Helper()
	ctx, name := t.Context(), ns // cluster-wide objects carry the namespace's unique name
	subject := []rbacv1.Subject{{Kind: "ServiceAccount", Name: "watcher", Namespace: ns}}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "watcher"}, Rules: Rules()}
	cluster := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: ClusterRules()}
	_, err1 := client.RbacV1().Roles(ns).Create(ctx, role, metav1.CreateOptions{})
	_, err2 := client.RbacV1().RoleBindings(ns).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "watcher"}, Subjects: subject, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "watcher"},
	}, metav1.CreateOptions{})
	_, err3 := client.RbacV1().ClusterRoles().Create(ctx, cluster, metav1.CreateOptions{})
	_, err4 := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subject, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}, metav1.CreateOptions{})
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = client.RbacV1().ClusterRoleBindings().Delete(context.Background(), name, metav1.DeleteOptions{})
		_ = client.RbacV1().ClusterRoles().Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	as := rest.CopyConfig(conn)
	as.Impersonate.UserName = fmt.Sprintf("system:serviceaccount:%s:watcher", ns)
	eventually(t, "the rights are in force", func() bool {
		_, err := kubernetes.NewForConfigOrDie(as).CoreV1().Pods(ns).List(ctx, metav1.ListOptions{Limit: 1})
		return err == nil
	})
	return as
}

func TestLiveTheRulesAreEnoughAndWorkloadsWithoutPodsAreTold(t *testing.T) {
	conn, admin, ns := live(t)
	as := asWatcher(t, conn, admin, ns)
	client, meta := kubernetes.NewForConfigOrDie(as), metadata.NewForConfigOrDie(as)
	w := liveWatcher(t, as, ns)
	ctx := t.Context()
	if _, err := admin.BatchV1().Jobs(ns).Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "job"},
		Spec: batchv1.JobSpec{BackoffLimit: new(int32), Template: corev1.PodTemplateSpec{Spec: func() corev1.PodSpec {
			p := with(busybox("echo no; exit 1"), nil)
			p.RestartPolicy = corev1.RestartPolicyNever
			return p
		}()}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	s := next(t, w)
	if told(s) != "job-failed job" {
		t.Errorf("told %s, want job-failed job", told(s))
	}
	if _, err := admin.CoreV1().ResourceQuotas(ns).Create(ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "none"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"pods": resource.MustParse("0")}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the quota is in force", func() bool {
		q, err := admin.CoreV1().ResourceQuotas(ns).Get(ctx, "none", metav1.GetOptions{})
		return err == nil && len(q.Status.Hard) > 0
	})
	d := deployment(ns, "deploy", with(busybox("sleep 3600"), nil))
	if _, err := admin.AppsV1().Deployments(ns).Create(ctx, d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.AppsV1().StatefulSets(ns).Create(ctx, &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "set"},
		Spec:       appsv1.StatefulSetSpec{Selector: d.Spec.Selector, Template: d.Spec.Template},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	// The ReplicaSet's event may come before the ReplicaSet: then it is told, too,
	// of the same subject.
	for stuck := map[string]bool{}; len(stuck) < 2; {
		s := next(t, w)
		if s.Symptom != incident.SymptomRolloutStuck || s.Subject.Name != "deploy" && s.Subject.Name != "set" {
			t.Fatalf("told %s of %v", told(s), s.Subject)
		}
		stuck[s.Subject.Name] = true
	}

	c, err := NewCollector(CollectorConfig{
		Client: client, Metadata: meta, Metrics: metricsclient.NewForConfigOrDie(as), Redactor: redact.New(redact.Config{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []action.Ref{
		{Kind: "Deployment", Namespace: ns, Name: "deploy"}, {Kind: "StatefulSet", Namespace: ns, Name: "set"}, {Kind: "Job", Namespace: ns, Name: "job"},
	} {
		look, err := c.Subject(ctx, ref)
		if err != nil || len(look.Unreadable) > 0 || len(look.Events) == 0 || len(look.Quotas) != 1 {
			t.Errorf("%s: %v; unreadable %v, %d events, %d quotas", ref, err, look.Unreadable, len(look.Events), len(look.Quotas))
		}
		if _, err := c.Resolve(ctx, ref.Kind, ns, ref.Name); err != nil {
			t.Error(err)
		}
	}
	scan, err := c.Namespace(ctx, []string{ns})
	if err != nil || len(scan.Unreadable) > 0 {
		t.Errorf("scan: %v; unreadable %v", err, scan.Unreadable)
	}
	if _, err := client.CoreV1().Secrets(ns).List(ctx, metav1.ListOptions{}); err == nil {
		t.Error("the rules let Secrets be read")
	}
}

func TestLiveASignalFollowsTheState(t *testing.T) {
	conn, client, ns := live(t)
	w := liveWatcher(t, conn, ns)
	own, err := client.CoreV1().Pods(ns).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { own.Stop() }()
	eventually(t, "the Watcher is synced", w.Synced)
	p := with(busybox("sleep 1"), func(c *corev1.Container) { c.Image = "docker.io/library/busybox:no-such-tag" })
	if _, err := client.AppsV1().Deployments(ns).Create(t.Context(), deployment(ns, "tag", p), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var seen, came time.Time
	for deadline := time.After(2 * time.Minute); seen.IsZero() || came.IsZero(); {
		select {
		case e, open := <-own.ResultChan():
			if !open { // a young API server ends watches while its cache fills
				if own, err = client.CoreV1().Pods(ns).Watch(t.Context(), metav1.ListOptions{}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if pod, ok := e.Object.(*corev1.Pod); ok && seen.IsZero() && len(pod.Status.ContainerStatuses) > 0 {
				if wait := pod.Status.ContainerStatuses[0].State.Waiting; wait != nil && (wait.Reason == "ErrImagePull" || wait.Reason == "ImagePullBackOff") {
					seen = time.Now()
				}
			}
		case s := <-w.Signals():
			t.Logf("told %s: %s", told(s), s.Message)
			if s.Symptom == incident.SymptomImagePull && came.IsZero() {
				came = time.Now()
			}
		case <-deadline:
			t.Fatalf("the state was seen at %v, the signal came at %v", seen, came)
		}
	}
	// A figure, no bound: machines are slow on some days.
	t.Logf("from the test's own watch to the signal: %v", came.Sub(seen))
}
