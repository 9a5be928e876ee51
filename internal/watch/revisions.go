package watch

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// revisions lists what the StatefulSets and DaemonSets of failing pods were
// before; Deployments have ReplicaSets for that, which other lists bring.
func (g *gather) revisions(ctx context.Context, failing []telling) {
	asked := map[string]bool{}
	for _, t := range failing {
		c := metav1.GetControllerOf(t.pod)
		if c == nil || c.Kind != "StatefulSet" && c.Kind != "DaemonSet" || asked[t.pod.Namespace] {
			continue
		}
		asked[t.pod.Namespace] = true
		listInto(ctx, g, "ControllerRevision", g.c.cfg.Client.AppsV1().ControllerRevisions(t.pod.Namespace).List, metav1.ListOptions{},
			func(l *appsv1.ControllerRevisionList) []appsv1.ControllerRevision { return l.Items },
			func(s *kube.Snapshot) *[]*appsv1.ControllerRevision { return &s.Revisions })
	}
}
