package doctor

import (
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

func TestOnARealClusterTheWatcherReadsAndARightTooManyIsTold(t *testing.T) {
	s := newStage(t)
	conn := rest.CopyConfig(s.admin)
	conn.Impersonate = rest.ImpersonationConfig{
		UserName: s.config.WatcherUser(), Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + s.config.Namespace, "system:authenticated"},
	}
	r, err := NewReading(conn, s.config, silent())
	fatal(t, err)
	if !r.once(t.Context()) || r.Excess() != nil {
		t.Fatalf("as installed: %v", r.Excess())
	}
	name := metav1.ObjectMeta{Name: "makes-jobs"}
	_, err = s.client.RbacV1().Roles(s.config.ExecutorNamespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{
		Verbs: []string{"create"}, APIGroups: []string{"batch"}, Resources: []string{"jobs"},
	}}}, metav1.CreateOptions{})
	fatal(t, err)
	_, err = s.client.RbacV1().RoleBindings(s.config.ExecutorNamespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: s.config.Watcher, Namespace: s.config.Namespace}},
	}, metav1.CreateOptions{})
	fatal(t, err)
	for end := time.Now().Add(10 * time.Second); r.Excess() == nil && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		r.once(t.Context()) // the authorizer learns of it by a watch
	}
	// A policy refuses this Job to everybody but the gate: only the right is told.
	if err := r.Excess(); err == nil || !strings.Contains(err.Error(), "may create Jobs") || strings.Contains(err.Error(), "Secrets") {
		t.Errorf("%v", err)
	}
}
