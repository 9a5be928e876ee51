package watch

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

// fatPod is a pod of two containers as a real cluster has it: environment,
// volumes, probes, annotations and managed fields.
func fatPod(n int) *corev1.Pod {
	p := healthyPod(fmt.Sprintf("api-7dcc944fdd-%05d", n))
	p.UID = types.UID(fmt.Sprintf("9b1c3f60-0000-4000-8000-%012d", n))
	p.Labels = map[string]string{"app.kubernetes.io/name": "api", "app.kubernetes.io/part-of": "shop", "pod-template-hash": "7dcc944fdd"}
	p.Annotations = map[string]string{"checksum/config": fmt.Sprintf("%064d", n), "prometheus.io/scrape": "true"}
	p.Spec.Containers = nil
	for _, name := range []string{"web", "proxy"} {
		c := corev1.Container{
			Name: name, Image: "registry.example/shop/" + name + ":1.2.3", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")},
				Limits:   corev1.ResourceList{"memory": resource.MustParse("256Mi")},
			},
			ReadinessProbe: tcpProbe(8080), LivenessProbe: tcpProbe(8080),
			VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/etc/shop"}, {Name: "token", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
		}
		for i := range 10 {
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", i), Value: fmt.Sprintf("value %d of %s", i, name)})
		}
		p.Spec.Containers = append(p.Spec.Containers, c)
	}
	p.Spec.Volumes = []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "api"}}}}}
	web := p.Status.ContainerStatuses[0]
	proxy := web
	proxy.Name = "proxy"
	p.Status.ContainerStatuses = []corev1.ContainerStatus{web, proxy}
	for _, c := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: c, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
	}
	for _, m := range []string{"kube-controller-manager", "kubelet"} {
		p.ManagedFields = append(p.ManagedFields, metav1.ManagedFieldsEntry{
			Manager: m, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{".":{},"f:app.kubernetes.io/name":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:env":{},"f:image":{},"f:name":{},"f:resources":{}}}},"f:status":{"f:conditions":{},"f:containerStatuses":{},"f:phase":{}}}`),
		})
	}
	return p
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// heapOf is the growth of the heap, per pod, that start causes and keeps.
func heapOf(pods int, start func() (keep any)) float64 {
	before := heapInUse()
	keep := start()
	grown := int64(heapInUse()) - int64(before)
	runtime.KeepAlive(keep)
	return float64(grown) / float64(pods)
}

func measure(t testing.TB, api *fakeAPI, pods int, watcher func() *Watcher) (plain, slim float64) {
	stop := make(chan struct{})
	var f informers.SharedInformerFactory
	plain = heapOf(pods, func() any {
		f = informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(api.config()), 0)
		inf := f.Core().V1().Pods().Informer()
		f.Start(stop)
		for deadline := time.Now().Add(time.Minute); len(inf.GetStore().ListKeys()) < pods; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the plain informer does not sync")
			}
		}
		return inf
	})
	close(stop)
	f.Shutdown()
	f = nil // or it would be freed during the second measurement
	slim = heapOf(pods, func() any {
		w := watcher()
		for deadline := time.Now().Add(time.Minute); w.Stats().Pods < pods || !w.Synced(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the Watcher does not sync")
			}
		}
		return w
	})
	return plain, slim
}

func TestAPodCostsLessThanTwoKiB(t *testing.T) {
	const pods = 2000
	api := newFakeAPI(t, true)
	for i := range pods {
		api.put("pods", fatPod(i))
	}
	plain, slim := measure(t, api, pods, func() *Watcher { return start(t, api, nil) })
	t.Logf("heap per pod of two containers: %.0f bytes here, %.0f bytes in a plain informer", slim, plain)
	if slim > 2048 {
		t.Errorf("a healthy pod costs %.0f bytes, want at most 2048", slim)
	}
}

func BenchmarkHeapPerPod(b *testing.B) {
	const pods = 5000
	api := newFakeAPI(b, true)
	for i := range pods {
		api.put("pods", fatPod(i))
	}
	for b.Loop() {
		plain, slim := measure(b, api, pods, func() *Watcher { return start(b, api, nil) })
		b.ReportMetric(slim, "B/pod")
		b.ReportMetric(plain, "plain-B/pod")
		b.ReportMetric(0, "ns/op")
	}
}

// A cluster in trouble sends thousands of events a second: what one costs, for
// pods that fail their probes.
func BenchmarkWarningEvent(b *testing.B) {
	const pods = 500
	api := newFakeAPI(b, true)
	w := start(b, api, nil)
	var events []*corev1.Event
	for i := range pods {
		p := fatPod(i)
		p.Status.ContainerStatuses[0].Ready = false
		w.mu.Lock()
		w.putPod(p)
		w.mu.Unlock()
		events = append(events, &corev1.Event{
			InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID, FieldPath: "spec.containers{web}"},
			Type:           "Warning", Reason: "Unhealthy", Message: "Readiness probe failed: dial tcp 10.244.0.7:8080: connect: connection refused",
			LastTimestamp: metav1.Now(), Count: 1,
		})
	}
	for i := 0; b.Loop(); i++ {
		e := *events[i%pods]
		e.LastTimestamp = metav1.Now()
		w.putEvent(&e)
	}
	if q := w.Stats().Queued; q > pods {
		b.Errorf("%d signals queued for %d pods", q, pods)
	}
}
