package diagnose

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/countersign-dev/countersign/internal/kube"
)

// capture reads the namespace, the nodes and the logs.
func (l live) capture(ctx context.Context) (capture, error) {
	c := capture{Taken: time.Now().UTC().Truncate(time.Second)}
	for _, r := range []schema.GroupVersionResource{
		gvr("Pod", "v1"), gvr("Deployment", "apps/v1"), gvr("ReplicaSet", "apps/v1"), gvr("StatefulSet", "apps/v1"), gvr("ControllerRevision", "apps/v1"),
		gvr("DaemonSet", "apps/v1"), gvr("Job", "batch/v1"), gvr("Service", "v1"), gvr("ConfigMap", "v1"),
		gvr("EndpointSlice", "discovery.k8s.io/v1"), gvr("PersistentVolumeClaim", "v1"), gvr("ResourceQuota", "v1"),
		gvr("NetworkPolicy", "networking.k8s.io/v1"), gvr("Secret", "v1"), gvr("Event", "v1"), gvr("LimitRange", "v1"), gvr("CronJob", "batch/v1"),
		gvr("HorizontalPodAutoscaler", "autoscaling/v2"), gvr("PodDisruptionBudget", "policy/v1"),
	} {
		list, err := l.objects.Resource(r).Namespace(l.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return c, err
		}
		if err := c.keep(list.Items); err != nil {
			return c, err
		}
	}
	nodes, err := l.objects.Resource(gvr("Node", "v1")).List(ctx, metav1.ListOptions{})
	if err != nil {
		return c, err
	}
	if err := c.keep(nodes.Items); err != nil {
		return c, err
	}
	if err := l.keepClusterWide(ctx, &c); err != nil {
		return c, err
	}
	if err := l.keepRoutes(ctx, &c); err != nil {
		return c, err
	}
	l.keepUsage(&c)
	return c, l.readPods(ctx, &c)
}

func (c *capture) keep(items []unstructured.Unstructured) error {
	for i := range items {
		u := &items[i]
		if u.GetKind() == "ConfigMap" && u.GetName() == "kube-root-ca.crt" {
			continue
		}
		written(u)
		if u.GetKind() == "Secret" {
			unstructured.RemoveNestedField(u.Object, "data")
		}
		if u.GetKind() == "Node" {
			unstructured.RemoveNestedField(u.Object, "status", "images")
		}
		raw, err := json.Marshal(u)
		if err != nil {
			return err
		}
		c.Objects = append(c.Objects, raw)
	}
	return nil
}

// written keeps who wrote an object and when, as a reader of the live cluster
// does, and of pods nothing.
func written(u *unstructured.Unstructured) {
	if u.GetKind() == "Pod" {
		u.SetManagedFields(nil)
		return
	}
	kube.TrimWrites(u)
	u.SetManagedFields(u.GetManagedFields())
}

// readPods reads logs, and asks for the ConfigMaps that pods name.
func (l live) readPods(ctx context.Context, c *capture) error {
	pods, err := l.clients.CoreV1().Pods(l.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		for _, list := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
			for _, container := range list {
				for _, previous := range []bool{false, true} {
					if text := l.log(ctx, p.Name, container.Name, previous); text != "" {
						c.Logs = append(c.Logs, capturedLog{Pod: p.Name, Container: container.Name, Previous: previous, Text: text})
					}
				}
			}
		}
	}
	maps, err := l.clients.CoreV1().ConfigMaps(l.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, name := range []string{"shop-config", "web-config"} {
		has := func(m corev1.ConfigMap) bool { return m.Name == name }
		if !slices.ContainsFunc(maps.Items, has) {
			c.Absent = append(c.Absent, "ConfigMap/"+name)
		}
	}
	return nil
}

// log is empty where there is none: the kubelet answers 400 then.
func (l live) log(ctx context.Context, pod, container string, previous bool) string {
	lines := int64(100)
	stream, err := l.clients.CoreV1().Pods(l.namespace).GetLogs(pod, &corev1.PodLogOptions{
		Container: container, Previous: previous, TailLines: &lines,
	}).Stream(ctx)
	if err != nil {
		return ""
	}
	defer stream.Close()
	raw, err := io.ReadAll(stream)
	if err != nil || strings.HasPrefix(string(raw), "unable to retrieve container logs") {
		return ""
	}
	return string(raw)
}
