package bench_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	fleetNamespaces = 8
	fleetNodes      = 50
	appPods         = 10 // of one Deployment
	fleetMakers     = 24 // applications that are made at a time
)

// fleet is what stands in the cluster: applications of ten pods, each with its
// ReplicaSet, Service, EndpointSlice and ConfigMap.
type fleet struct {
	apps []*application
}

// application is one Deployment and what belongs to it.
type application struct {
	namespace, name string
	number          int
	needs           *corev1.EnvFromSource // what its containers take more variables from
	set             *appsv1.ReplicaSet
}

func fleetNamespace(n int) string { return fmt.Sprintf("fleet-%d", n%fleetNamespaces) }

func newFleet(s *scaled) *fleet {
	for n := range fleetNodes {
		if err := s.addNode(n); err != nil {
			s.Fatal(err)
		}
	}
	for n := range fleetNamespaces {
		s.addNamespace(fleetNamespace(n))
	}
	return &fleet{}
}

func nodeName(n int) string { return fmt.Sprintf("node-%02d", n%fleetNodes) }

// addNode makes a Node that is ready and whose kubelet is the harness.
func (s *scaled) addNode(n int) error {
	now := metav1.Now()
	capacity := corev1.ResourceList{"cpu": resource.MustParse("64"), "memory": resource.MustParse("512Gi"), "pods": resource.MustParse("2000")}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName(n), Labels: map[string]string{corev1.LabelHostname: nodeName(n)}}}
	node, err := s.client.CoreV1().Nodes().Create(s.ctx, node, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make node %d: %w", n, err)
	}
	node.Spec.Taints = nil // the API server calls a new node not ready
	if node, err = s.client.CoreV1().Nodes().Update(s.ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("open node %d: %w", n, err)
	}
	node.Status = corev1.NodeStatus{
		Capacity: capacity, Allocatable: capacity,
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: s.kubelet.host}, {Type: corev1.NodeHostName, Address: node.Name}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: s.kubelet.port}},
		Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: now, LastTransitionTime: now,
		}},
	}
	if _, err = s.client.CoreV1().Nodes().UpdateStatus(s.ctx, node, metav1.UpdateOptions{FieldManager: "kubelet"}); err != nil {
		return fmt.Errorf("ready node %d: %w", n, err)
	}
	return nil
}

// addNamespace returns when pods can be made there.
func (s *scaled) addNamespace(name string) {
	s.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := s.client.CoreV1().Namespaces().Create(s.ctx, ns, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	s.until(time.Minute, "the default ServiceAccount of "+name, func() bool {
		_, err := s.client.CoreV1().ServiceAccounts(name).Get(s.ctx, "default", metav1.GetOptions{})
		return err == nil
	})
}

func (s *scaled) until(patience time.Duration, what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) || s.ctx.Err() != nil {
			s.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}

// grow makes applications until the fleet has that many pods.
func (f *fleet) grow(s *scaled, pods int) {
	s.Helper()
	began, from := time.Now(), len(f.apps)
	var want []*application
	for n := from; n*appPods < pods; n++ {
		want = append(want, &application{namespace: fleetNamespace(n), name: fmt.Sprintf("app-%05d", n), number: n})
	}
	s.each(len(want), func(ctx context.Context, n int) error { return want[n].make(ctx, s, appPods, runs) })
	f.apps = append(f.apps, want...)
	s.Logf("the fleet has %d pods; the last %d took %s to make", len(f.apps)*appPods, len(want)*appPods, time.Since(began).Round(time.Second))
}

// each does n things, some at a time, and fails at the first error.
func (s *scaled) each(n int, do func(ctx context.Context, n int) error) {
	s.Helper()
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range fleetMakers {
		workers.Go(func() {
			for k := range next {
				if ctx.Err() == nil {
					if err := do(ctx, k); err != nil {
						cancel(err)
					}
				}
			}
		})
	}
	for k := range n {
		next <- k
	}
	close(next)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		s.Fatal(err)
	}
}

// make writes an application with so many pods, each in the status that as gives.
func (a *application) make(ctx context.Context, s *scaled, pods int, as func(*corev1.Pod, int) corev1.PodStatus) error {
	labels := map[string]string{"app.kubernetes.io/name": a.name, "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/managed-by": "Helm"}
	set, err := a.workload(ctx, s, labels, int32(pods))
	if err != nil {
		return fmt.Errorf("make %s: %w", a.name, err)
	}
	a.set = set
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: a.name + "-x7k2p", Labels: map[string]string{discoveryv1.LabelServiceName: a.name}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: ptr("http"), Port: ptr(int32(8080))}},
	}
	for n := range pods {
		number := a.number*appPods + n
		p, err := s.client.CoreV1().Pods(a.namespace).Create(ctx, podOf(set, n, nodeName(number)), metav1.CreateOptions{FieldManager: "kube-controller-manager"})
		if err != nil {
			return fmt.Errorf("make a pod of %s: %w", a.name, err)
		}
		p.Status = as(p, number)
		if p, err = s.client.CoreV1().Pods(a.namespace).UpdateStatus(ctx, p, metav1.UpdateOptions{FieldManager: "kubelet"}); err != nil {
			return fmt.Errorf("start a pod of %s: %w", a.name, err)
		}
		if n < 100 { // as many as the controller puts into one slice
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
				Addresses: []string{p.Status.PodIP}, NodeName: &p.Spec.NodeName, Conditions: discoveryv1.EndpointConditions{Ready: ptr(p.Status.Phase == corev1.PodRunning)},
				TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
			})
		}
	}
	_, err = s.client.DiscoveryV1().EndpointSlices(a.namespace).Create(ctx, slice, metav1.CreateOptions{})
	return err
}

// workload writes what stands above the pods, in the state of a finished rollout.
func (a *application) workload(ctx context.Context, s *scaled, labels map[string]string, pods int32) (*appsv1.ReplicaSet, error) {
	meta := metav1.ObjectMeta{Namespace: a.namespace, Name: a.name, Labels: labels, Annotations: map[string]string{"deployment.kubernetes.io/revision": "1", "meta.helm.sh/release-name": "shop"}}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{"checksum/config": fmt.Sprintf("%064x", a.number), "prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
		Spec:       podSpec(a.name),
	}
	if a.needs != nil {
		for i := range template.Spec.Containers {
			template.Spec.Containers[i].EnvFrom = []corev1.EnvFromSource{*a.needs}
		}
	}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": a.name}}
	d, err := s.client.AppsV1().Deployments(a.namespace).Create(ctx, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: &pods, Selector: selector, Template: template}}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	meta.Name, meta.OwnerReferences = a.name+"-7dcc944fdd", []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	rs, err := s.client.AppsV1().ReplicaSets(a.namespace).Create(ctx, &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Replicas: &pods, Selector: selector, Template: template}}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: pods, UpdatedReplicas: pods, ReadyReplicas: pods, AvailableReplicas: pods}
	if _, err = s.client.AppsV1().Deployments(a.namespace).UpdateStatus(ctx, d, metav1.UpdateOptions{}); err != nil {
		return nil, err
	}
	rs.Status = appsv1.ReplicaSetStatus{ObservedGeneration: rs.Generation, Replicas: pods, ReadyReplicas: pods, AvailableReplicas: pods, FullyLabeledReplicas: pods}
	if rs, err = s.client.AppsV1().ReplicaSets(a.namespace).UpdateStatus(ctx, rs, metav1.UpdateOptions{}); err != nil {
		return nil, err
	}
	_, err = s.client.CoreV1().Services(a.namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: a.name, Labels: labels},
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: selector.MatchLabels, Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http-web")}}},
	}, metav1.CreateOptions{})
	return rs, err
}

// become writes a new status of all pods of an application.
func (a *application) become(ctx context.Context, s *scaled, as func(*corev1.Pod, int) corev1.PodStatus) error {
	list, err := s.client.CoreV1().Pods(a.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + a.name})
	if err != nil {
		return fmt.Errorf("list the pods of %s: %w", a.name, err)
	}
	for n := range list.Items {
		p := &list.Items[n]
		p.Status = as(p, a.number*appPods+n)
		if _, err := s.client.CoreV1().Pods(a.namespace).UpdateStatus(ctx, p, metav1.UpdateOptions{FieldManager: "kubelet"}); err != nil {
			return fmt.Errorf("write the status of %s: %w", p.Name, err)
		}
	}
	return nil
}
