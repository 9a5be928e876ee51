package sizing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/kube"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// allowed are the bounds of a policy that enables everything.
func allowed() Bounds {
	return Bounds{Protected: []string{"kube-system"}, Enabled: func(string) bool { return true }, MaxPods: 250}
}

// asked are requests and limits: cpu request/limit, memory request/limit; empty
// for none.
func asked(cpu, memory string) corev1.ResourceRequirements {
	r := corev1.ResourceRequirements{Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
	for name, both := range map[corev1.ResourceName]string{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory} {
		request, limit, _ := strings.Cut(both, "/")
		if request != "" {
			r.Requests[name] = resource.MustParse(request)
		}
		if limit != "" {
			r.Limits[name] = resource.MustParse(limit)
		}
	}
	return r
}

// world is a namespace with one Deployment, web, whose container app asks for
// something, and as many pods.
type world struct {
	*kube.Snapshot
	deployment *appsv1.Deployment
}

func newWorld(pods int, want corev1.ResourceRequirements) world {
	replicas := int32(pods)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "11111111-1111-1111-1111-111111111111"},
		Spec: appsv1.DeploymentSpec{Replicas: &replicas, Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "app", Resources: want}},
		}}},
	}
	yes := true
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", UID: "22222222-2222-2222-2222-222222222222",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: d.UID, Controller: &yes}}}}
	w := world{deployment: d, Snapshot: &kube.Snapshot{
		Taken: noon, Deployments: []*appsv1.Deployment{d}, ReplicaSets: []*appsv1.ReplicaSet{rs},
		StatefulSets: []*appsv1.StatefulSet{}, DaemonSets: []*appsv1.DaemonSet{}, Jobs: []*batchv1.Job{}, CronJobs: []*batchv1.CronJob{},
		Claims: []*corev1.PersistentVolumeClaim{}, Autoscalers: []*autoscalingv2.HorizontalPodAutoscaler{},
		Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}},
	}}
	for i := range pods {
		w.Pods = append(w.Pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("web-1-%d", i), UID: types.UID(fmt.Sprint("pod-", i)),
				CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour)),
				OwnerReferences:   []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: rs.UID, Controller: &yes}}},
			Spec:   *d.Spec.Template.Spec.DeepCopy(),
			Status: corev1.PodStatus{Phase: corev1.PodRunning},
		})
	}
	return w
}

// uses gives every pod so many samples, 15 s apart, the last one at noon. figures
// are cpu and memory.
func (w world) uses(samples int, cpu, memory string) world {
	for _, p := range w.Pods {
		w.sample(p.Name, samples, cpu, memory)
	}
	return w
}

func (w world) sample(pod string, samples int, cpu, memory string) {
	c, m := resource.MustParse(cpu), resource.MustParse(memory)
	for i := range samples {
		w.Usage = append(w.Usage, kube.Usage{
			Pod: kube.Key("Pod", "shop", pod), Container: "app", CPUMilli: c.MilliValue(), Memory: m.Value(),
			At: noon.Add(-time.Duration(samples-1-i) * 15 * time.Second), Window: 15 * time.Second,
		})
	}
}

// scaledOn adds an autoscaler of web.
func (w world) scaledOn(least, most, current int32, metrics ...autoscalingv2.MetricSpec) *autoscalingv2.HorizontalPodAutoscaler {
	h := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "33333333-3333-3333-3333-333333333333"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MinReplicas:    &least, MaxReplicas: most, Metrics: metrics,
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{CurrentReplicas: current},
	}
	w.Snapshot.Autoscalers = append(w.Snapshot.Autoscalers, h)
	return h
}

func utilizationOf(name corev1.ResourceName, percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: name, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
	}}
}

// codes lists what was found, in order.
func codes(r Report) string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, string(f.Code))
	}
	return strings.Join(out, " ")
}

// one is the only finding with a code.
func one(t *testing.T, r Report, code Code) Finding {
	t.Helper()
	var found []Finding
	for _, f := range r.Findings {
		if f.Code == code {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings %s among: %s", len(found), code, codes(r))
	}
	return found[0]
}
