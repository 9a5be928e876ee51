package diagnose

import (
	"maps"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// labelled gives a Deployment and what it made further labels.
func labelled(s *kube.Snapshot, app string, set map[string]string) {
	for _, d := range s.Deployments {
		if d.Name == app {
			maps.Copy(d.Spec.Template.Labels, set)
		}
	}
	for _, p := range s.Pods {
		if strings.HasPrefix(p.Name, app+"-") {
			maps.Copy(p.Labels, set)
		}
	}
}

// twin adds a Service like the first one.
func twin(s *kube.Snapshot, name string, change func(*corev1.Service)) {
	o := s.Services[0].DeepCopy()
	o.Name, o.UID = name, s.Services[0].UID[:35]+"f"
	change(o)
	s.Services = append(s.Services, o)
}

func TestAServiceWithoutPodsIsAtFaultOnlyWhereItMeansSome(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*kube.Snapshot)
		want   incident.Cause // empty: no fault
	}{
		"as captured":                 {func(*kube.Snapshot) {}, incident.ServiceSelectorMismatch},
		"under another name":          {func(s *kube.Snapshot) { renamed(s, "shop-svc") }, incident.ServiceSelectorMismatch},
		"a Service for the idle slot": {func(s *kube.Snapshot) { renamed(s, "shop-v2") }, ""},
		"a Service for a canary":      {func(s *kube.Snapshot) { renamed(s, "shop-canary") }, ""},
		"a workload scaled to zero":   {func(s *kube.Snapshot) { addTemplate(s, map[string]string{"app": "web", "version": "v2"}) }, ""},
		"another app altogether": {func(s *kube.Snapshot) {
			renamed(s, "mail")
			s.Services[0].Spec.Selector = map[string]string{"app": "mail"}
		}, ""},
		"an ExternalName Service":    {func(s *kube.Snapshot) { s.Services[0].Spec.Type = corev1.ServiceTypeExternalName }, ""},
		"a Service without selector": {func(s *kube.Snapshot) { s.Services[0].Spec.Selector = nil }, ""},
		"a Service of an operator": {func(s *kube.Snapshot) {
			s.Services[0].OwnerReferences = []metav1.OwnerReference{{APIVersion: "db.example.com/v1", Kind: "Cluster", Name: "db", UID: "u", Controller: new(true)}}
		}, ""},
		"a Service that goes": {func(s *kube.Snapshot) { s.Services[0].DeletionTimestamp = &metav1.Time{Time: s.Taken} }, ""},
		"a leader that is elected": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Selector = map[string]string{"app": "web", "role": "leader"}
		}, ""},
		"a primary that is elected": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Selector = map[string]string{"app": "web", "tier": "primary"}
			labelled(s, "web", map[string]string{"tier": "node"})
		}, ""},
		"a role that pods are given": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Selector = map[string]string{"app": "web", "db.example.com/role": "writer"}
			labelled(s, "web", map[string]string{"db.example.com/role": "none"})
		}, ""},
		"a label that only pods get": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Selector = map[string]string{"app": "web", "shard-owner": "yes"}
		}, ""},
		"the pods are of another Service": {func(s *kube.Snapshot) {
			renamed(s, "shop-blue")
			twin(s, "live", func(o *corev1.Service) { o.Spec.Selector = map[string]string{"app": "web", "version": "v1"} })
		}, ""},
		"one slot of two": {func(s *kube.Snapshot) {
			renamed(s, "next-release")
			twin(s, "live", func(o *corev1.Service) { o.Spec.Selector = map[string]string{"app": "web", "version": "v1"} })
		}, ""},
		"a component that is switched off": {func(s *kube.Snapshot) {
			renamed(s, "shop-telemetry")
			s.Services[0].Spec.Selector = map[string]string{"app": "web", "component": "exporter"}
			s.Services[0].Spec.Ports[0].TargetPort = intstr.FromString("metrics")
			labelled(s, "web", map[string]string{"component": "worker"})
		}, ""},
		"a component by another name": {func(s *kube.Snapshot) {
			renamed(s, "public")
			s.Services[0].Spec.Selector = map[string]string{"app": "web", "tier": "front"}
			labelled(s, "web", map[string]string{"tier": "frontend"})
		}, incident.ServiceSelectorMismatch},
		"a component that is not there": {func(s *kube.Snapshot) {
			renamed(s, "shop-admin")
			s.Services[0].Spec.Selector = map[string]string{"app": "web", "component": "admin"}
			labelled(s, "web", map[string]string{"component": "api"})
		}, ""},
		"another release of the chart": {func(s *kube.Snapshot) {
			renamed(s, "green-web")
			s.Services[0].Spec.Selector = map[string]string{"app": "web", "app.kubernetes.io/instance": "b"}
			labelled(s, "web", map[string]string{"app.kubernetes.io/instance": "a"})
		}, ""},
		"a pod that is going": {func(s *kube.Snapshot) {
			p := s.Pods[0].DeepCopy()
			p.Name, p.UID, p.Labels["version"], p.DeletionTimestamp = "old", p.UID[:35]+"f", "v2", &metav1.Time{Time: s.Taken}
			s.Pods = append(s.Pods, p)
		}, ""},
		"a Job that made pods": {func(s *kube.Snapshot) {
			j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: s.Services[0].Namespace, Name: "web"}}
			j.Spec.Template.Labels = s.Services[0].Spec.Selector
			s.Jobs = append(s.Jobs, j)
		}, ""},
		"a CronJob that will make pods": {func(s *kube.Snapshot) {
			j := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: s.Services[0].Namespace, Name: "web"}}
			j.Spec.JobTemplate.Spec.Template.Labels = s.Services[0].Spec.Selector
			s.CronJobs = append(s.CronJobs, j)
		}, ""},
		"a ReplicaSet of somebody's controller": {func(s *kube.Snapshot) {
			foreignSet(s, "Rollout")
		}, ""},
		"a ReplicaSet of an older revision": {func(s *kube.Snapshot) {
			foreignSet(s, "Deployment")
		}, incident.ServiceSelectorMismatch},
		"named after an app, which another Service serves": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Selector = map[string]string{"app": "front"}
			twin(s, "web-internal", func(o *corev1.Service) { o.Spec.Selector = map[string]string{"app": "web"} })
		}, ""},
		"named after an app, which no Service serves": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Selector = map[string]string{"app": "front"}
		}, incident.ServiceSelectorMismatch},
		"a StatefulSet's own Service": {func(s *kube.Snapshot) {
			renamed(s, "peers")
			s.Services[0].Spec.Selector = map[string]string{"app": "store"}
			set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.Services[0].Namespace, Name: "db", UID: "set"}}
			set.Spec.ServiceName, set.Spec.Template.Labels = "peers", map[string]string{"app": "db"}
			barePod(s, map[string]string{"app": "db"})
			s.Pods[len(s.Pods)-1].OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: "set", Controller: new(true)}}
			s.StatefulSets = append(s.StatefulSets, set)
		}, incident.ServiceSelectorMismatch},
		"pods that declare no ports": {func(s *kube.Snapshot) {
			renamed(s, "public")
			containers(s, func(c *corev1.Container) { c.Ports = nil })
		}, incident.ServiceSelectorMismatch},
		"pods that declare other ports": {func(s *kube.Snapshot) {
			renamed(s, "public")
			containers(s, func(c *corev1.Container) { c.Ports[0].ContainerPort = 9999 })
		}, ""},
		"no label that names the app": {func(s *kube.Snapshot) {
			renamed(s, "public")
			s.Services[0].Spec.Selector = map[string]string{"team": "a", "version": "v2"}
			labelled(s, "web", map[string]string{"team": "a"})
		}, ""},
		"two components that it could mean": {func(s *kube.Snapshot) {
			renamed(s, "public")
			s.Services[0].Spec.Selector = map[string]string{"app": "web", "tier": "front"}
			labelled(s, "web", map[string]string{"tier": "frontend"})
			barePod(s, map[string]string{"app": "web", "tier": "api"})
		}, ""},
		"two versions that it could mean": {func(s *kube.Snapshot) {
			renamed(s, "public")
			barePod(s, map[string]string{"app": "web", "version": "v3"})
		}, incident.ServiceSelectorMismatch},
		"a pod that nothing made": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Selector = map[string]string{"app": "mail"}
			renamed(s, "post")
			barePod(s, map[string]string{"app": "post"})
		}, incident.ServiceSelectorMismatch},
		"endpoints by hand": {func(s *kube.Snapshot) {
			s.EndpointSlices[0].Endpoints = []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}
		}, ""},
		"nothing runs":           {func(s *kube.Snapshot) { s.Pods = []*corev1.Pod{} }, ""},
		"pods not looked at":     {func(s *kube.Snapshot) { s.Pods = nil }, ""},
		"workloads not all seen": {func(s *kube.Snapshot) { s.StatefulSets = nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, "service-selector-mismatch", c.change, c.want)
		})
	}
}

// onlyOne is the verdict where no probe tells: the one port of the pods and the
// one of the Service do not meet.
const onlyOne = incident.ServicePortMismatch

func TestATargetPortIsDeadOnlyWhereNobodyCanServeIt(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*kube.Snapshot)
		want   incident.Cause
	}{
		"as captured":           {func(*kube.Snapshot) {}, incident.ServicePortMismatch},
		"no container declares": {func(s *kube.Snapshot) { containers(s, func(c *corev1.Container) { c.Ports = nil }) }, ""},
		"no probe":              {func(s *kube.Snapshot) { containers(s, func(c *corev1.Container) { c.ReadinessProbe = nil }) }, onlyOne},
		"a probe by command":    {func(s *kube.Snapshot) { containers(s, func(c *corev1.Container) { c.ReadinessProbe.HTTPGet = nil }) }, onlyOne},
		"a probe of another host": {func(s *kube.Snapshot) {
			containers(s, func(c *corev1.Container) { c.ReadinessProbe.HTTPGet.Host = "example.com" })
		}, onlyOne},
		"only a port for health":      {func(s *kube.Snapshot) { containers(s, func(c *corev1.Container) { c.Ports[0].Name = "healthz" }) }, ""},
		"pods that are not ready":     {unready, ""},
		"it says that it listens":     {func(s *kube.Snapshot) { s.Logs = append(s.Logs, logOf(s.Pods[0], "listening on :8081")) }, ""},
		"a declared target":           {func(s *kube.Snapshot) { s.Services[0].Spec.Ports[0].TargetPort = intstr.FromInt32(8080) }, ""},
		"a headless Service":          {func(s *kube.Snapshot) { s.Services[0].Spec.ClusterIP = corev1.ClusterIPNone }, ""},
		"another protocol":            {func(s *kube.Snapshot) { s.Services[0].Spec.Ports[0].Protocol = corev1.ProtocolUDP }, ""},
		"a port for something else":   {func(s *kube.Snapshot) { s.Services[0].Spec.Ports[0].Name = "grpc" }, ""},
		"a number for something else": {func(s *kube.Snapshot) { s.Services[0].Spec.Ports[0].Port = 9000 }, ""},
		"the number of the port": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Ports[0].Name, s.Services[0].Spec.Ports[0].Port = "api", 8080
		}, incident.ServicePortMismatch},
		"the name of the port": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Ports[0].Name, s.Services[0].Spec.Ports[0].Port = "api", 9000
			containers(s, func(c *corev1.Container) { c.Ports[0].Name = "api" })
		}, incident.ServicePortMismatch},
		"a probe with HTTP of any port": {func(s *kube.Snapshot) {
			containers(s, func(c *corev1.Container) {
				c.Ports[0].ContainerPort, c.ReadinessProbe.HTTPGet.Port = 9876, intstr.FromInt32(9876)
			})
		}, incident.ServicePortMismatch},
		"a probe without HTTP of a port for the web": {func(s *kube.Snapshot) { tcpProbe(s, 8080) }, incident.ServicePortMismatch},
		"a probe without HTTP of another port":       {func(s *kube.Snapshot) { tcpProbe(s, 5432) }, ""},
		"two pods that serve different ports": {func(s *kube.Snapshot) {
			p := s.Pods[0].DeepCopy()
			p.Name, p.UID = "web-b", p.UID[:35]+"f"
			p.Spec.Containers[0].Ports[0].ContainerPort, p.Spec.Containers[0].ReadinessProbe.HTTPGet.Port = 3000, intstr.FromInt32(3000)
			s.Pods = append(s.Pods, p)
		}, ""},
		"a second port that fits": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Ports = append(s.Services[0].Spec.Ports, corev1.ServicePort{Name: "b", Port: 8080})
		}, ""},
		"another Service that fits": {func(s *kube.Snapshot) {
			twin(s, "b", func(o *corev1.Service) { o.Spec.Ports[0].TargetPort = intstr.FromInt32(8080) })
		}, ""},
		"a sidecar without ports": {func(s *kube.Snapshot) {
			s.Pods[0].Spec.Containers = append(s.Pods[0].Spec.Containers, corev1.Container{Name: "proxy"})
		}, ""},
		"a template that will serve it": {func(s *kube.Snapshot) {
			s.Deployments[0].Spec.Template.Spec.Containers[0].Ports[0].ContainerPort = 8081
		}, ""},
		"a name that nobody declares": {func(s *kube.Snapshot) { s.Services[0].Spec.Ports[0].TargetPort = intstr.FromString("http") }, incident.ServicePortMismatch},
		"a name that a pod declares": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Ports[0].TargetPort = intstr.FromString("http")
			containers(s, func(c *corev1.Container) { c.Ports[0].Name = "http" })
		}, ""},
		"a name that a sidecar declares": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Ports[0].TargetPort = intstr.FromString("http")
			s.Pods[0].Spec.InitContainers = []corev1.Container{{Name: "proxy", RestartPolicy: new(corev1.ContainerRestartPolicyAlways), Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}}}}
		}, ""},
		"a name of another protocol": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Ports[0].TargetPort = intstr.FromString("http")
			containers(s, func(c *corev1.Container) { c.Ports[0].Name, c.Ports[0].Protocol = "http", corev1.ProtocolUDP })
		}, incident.ServicePortMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, "service-port-mismatch", c.change, c.want)
		})
	}
}

func TestTwoWorkloadsBehindAServiceAreAnAccidentOnlyWhereNamesAndProgramsDiffer(t *testing.T) {
	image := func(s *kube.Snapshot, app, image string) {
		for _, d := range s.Deployments {
			if d.Name == app {
				d.Spec.Template.Spec.Containers[0].Image = image
			}
		}
	}
	cart := func(s *kube.Snapshot) *appsv1.Deployment {
		for _, d := range s.Deployments {
			if d.Name == "cart" {
				return d
			}
		}
		return nil
	}
	for name, c := range map[string]struct {
		change func(*kube.Snapshot)
		want   incident.Cause
	}{
		"as captured":           {func(*kube.Snapshot) {}, incident.ServiceSelectorOverlap},
		"no Service of its own": {withoutSecond, ""},
		"another image":         {func(s *kube.Snapshot) { withoutSecond(s); image(s, "checkout", "shop/checkout:1") }, incident.ServiceSelectorOverlap},
		"another image, a Service named after none": {func(s *kube.Snapshot) {
			withoutSecond(s)
			image(s, "checkout", "shop/checkout:1")
			renamed(s, "shop")
		}, ""},
		"another image under a longer name on the same port": {func(s *kube.Snapshot) {
			deployed(s, "checkout", "cart-rust")
			image(s, "cart-rust", "shop/rust:1")
		}, ""},
		"another image under a longer name on another port": {func(s *kube.Snapshot) {
			deployed(s, "checkout", "cart-worker")
			image(s, "cart-worker", "shop/worker:1")
			for _, d := range s.Deployments {
				if d.Name == "cart-worker" {
					d.Spec.Template.Spec.Containers[0].Ports = nil
				}
			}
		}, incident.ServiceSelectorOverlap},
		"a canary of another image": {func(s *kube.Snapshot) {
			deployed(s, "checkout", "cart-canary")
			image(s, "cart-canary", "shop/rust:1")
			for _, d := range s.Deployments {
				if d.Name == "cart-canary" {
					d.Spec.Template.Spec.Containers[0].Ports = nil
				}
			}
		}, ""},
		"canary and stable":          {func(s *kube.Snapshot) { deployed(s, "checkout", "cart-canary") }, ""},
		"a longer name":              {func(s *kube.Snapshot) { deployed(s, "checkout", "cart-eu") }, ""},
		"a worker of the same image": {func(s *kube.Snapshot) { worker(s, "celery", "worker") }, incident.ServiceSelectorOverlap},
		"a worker of the same image under a Service of another name": {func(s *kube.Snapshot) {
			worker(s, "celery", "worker")
			renamed(s, "orders")
		}, incident.ServiceSelectorOverlap},
		"a worker whose program differs in a word after a flag": {func(s *kube.Snapshot) { worker(s, "gunicorn", "--app", "other") }, ""},
		"a worker that its image starts":                        {func(s *kube.Snapshot) { worker(s) }, ""},
		"a server that declares no port":                        {func(s *kube.Snapshot) { worker(s, "uvicorn", "--port=8080") }, ""},
		"a server whose port a variable gives": {func(s *kube.Snapshot) {
			worker(s, "uvicorn")
			spec(s, "checkout").Env = []corev1.EnvVar{{Name: "PORT", Value: "8080"}}
		}, ""},
		"another server on the same port": {func(s *kube.Snapshot) {
			worker(s, "uvicorn")
			spec(s, "checkout").Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
		}, ""},
		"a server of which a probe tells": {func(s *kube.Snapshot) {
			worker(s, "uvicorn")
			spec(s, "checkout").LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(9)}}}
		}, ""},
		"a server that says where it listens": {func(s *kube.Snapshot) {
			worker(s, "uvicorn")
			for _, p := range s.Pods {
				if strings.HasPrefix(p.Name, "checkout-") {
					s.Logs = append(s.Logs, logOf(p, "listening on port 8080"))
				}
			}
		}, ""},
		"a canary with another server": {func(s *kube.Snapshot) {
			deployed(s, "checkout", "cart-canary")
			worker(s, "uvicorn")
		}, ""},
		"another version with another server": {func(s *kube.Snapshot) {
			worker(s, "uvicorn")
			for _, d := range s.Deployments {
				d.Spec.Template.Labels = map[string]string{"app": "shop", "version": d.Name}
			}
		}, ""},
		"the same command": {func(s *kube.Snapshot) {
			for _, d := range s.Deployments {
				d.Spec.Template.Spec.Containers[0].Command = []string{"serve"}
			}
		}, ""},
		"many behind one name": {func(s *kube.Snapshot) {
			for _, extra := range []string{"a", "b", "c"} {
				d, p := *s.Deployments[0].DeepCopy(), s.Pods[0].DeepCopy()
				d.Name, d.UID, d.Spec.Template.Labels = extra+"-part", types.UID(extra), map[string]string{"app": "shop"}
				p.Name, p.UID = extra+"-part-1", types.UID(extra+"1")
				p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: d.Name, UID: d.UID, Controller: new(true)}}
				s.Deployments, s.Pods = append(s.Deployments, &d), append(s.Pods, p)
			}
		}, ""},
		"headless": {func(s *kube.Snapshot) { s.Services[0].Spec.ClusterIP = corev1.ClusterIPNone }, ""},
		"a port that only one has": {func(s *kube.Snapshot) {
			s.Services[0].Spec.Ports[0].TargetPort = intstr.FromString("http")
			cart(s).Spec.Template.Spec.Containers[0].Ports[0].Name = "http"
			for _, p := range s.Pods {
				if strings.HasPrefix(p.Name, "cart-") {
					p.Spec.Containers[0].Ports[0].Name = "http"
				}
			}
		}, ""},
		"a port that only one has, beside one that nobody declares": {func(s *kube.Snapshot) {
			v := s.Services[0]
			v.Spec.Ports[0].Name, v.Spec.Ports[0].TargetPort = "http", intstr.FromString("http")
			v.Spec.Ports = append(v.Spec.Ports, corev1.ServicePort{Name: "metrics", Port: 9090})
			cart(s).Spec.Template.Spec.Containers[0].Ports[0].Name = "http"
			for _, p := range s.Pods {
				if strings.HasPrefix(p.Name, "cart-") {
					p.Spec.Containers[0].Ports[0].Name = "http"
				}
			}
			withoutSecond(s)
		}, ""},
		"the other is not ready": {func(s *kube.Snapshot) {
			for _, p := range s.Pods {
				if strings.HasPrefix(p.Name, "checkout-") {
					p.Status.Conditions = nil
				}
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, "service-selector-overlap-twins", c.change, c.want)
		})
	}
}

func TestProgramsOfOneImageDifferByWhatTheyRun(t *testing.T) {
	script := func(s string) []string { return []string{"/bin/sh", "-c", s} }
	for _, c := range []struct {
		name string
		a, b corev1.Container
		want bool
	}{
		{"server and worker", corev1.Container{Command: []string{"gunicorn", "app"}}, corev1.Container{Command: []string{"celery", "-A", "app"}}, true},
		{"commands of one program", corev1.Container{Args: []string{"server"}}, corev1.Container{Args: []string{"worker"}}, true},
		{"the last statements of scripts", corev1.Container{Command: script("mkdir -p /www && echo ok\nexec httpd -f -p 8080")}, corev1.Container{Command: script("exec sleep 86400")}, true},
		{"scripts that differ before the program", corev1.Container{Command: script("A=1; exec /app serve\n")}, corev1.Container{Command: script("B=2; exec /app serve")}, false},
		{"a script and a variable", corev1.Container{Command: script("exec $SERVER")}, corev1.Container{Command: script("exec $WORKER")}, false},
		{"values of a flag", corev1.Container{Command: []string{"/app", "-region", "eu"}}, corev1.Container{Command: []string{"/app", "-region", "us"}}, false},
		{"one more word", corev1.Container{Command: []string{"/app"}}, corev1.Container{Command: []string{"/app", "debug"}}, false},
		{"the image's own program", corev1.Container{}, corev1.Container{Command: []string{"worker"}}, false},
		{"arguments of different entry points", corev1.Container{Args: []string{"a"}}, corev1.Container{Command: []string{"b"}}, false},
		{"nothing", corev1.Container{}, corev1.Container{}, false},
		{"an empty script", corev1.Container{Command: script("")}, corev1.Container{Command: script("exec")}, false},
	} {
		if otherProgram(&c.a, &c.b) != c.want {
			t.Errorf("%s: want %t", c.name, c.want)
		}
	}
}

func TestAServiceSettlesAfterItsLastChange(t *testing.T) {
	for _, name := range []string{"service-selector-mismatch", "service-port-mismatch", "service-selector-overlap"} {
		_, s := readCapture(t, "testdata/"+name)
		kind, subject := split(readWant(t, "testdata/"+name).Subject)
		ref := kube.Key(kind, namespaceOf(s), subject)
		if f := Diagnose(s, ref, Options{Now: s.Taken.Add(10 * time.Minute)}); f.Settling || f.Healthy {
			t.Errorf("%s: after ten minutes it stands: %s", name, describe(f))
		}
		at := metav1.NewTime(s.Taken.Add(10 * time.Minute))
		s.Services[0].ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", Time: &at}}
		if f := Diagnose(s, ref, Options{Now: at.Add(20 * time.Second)}); !f.Settling || !f.Since.Equal(at.Time) {
			t.Errorf("%s: it was changed 20 seconds ago, and stands since %v", name, f.Since)
		}
		s.Services[0].ManagedFields[0].Subresource = "status"
		if f := Diagnose(s, ref, Options{Now: at.Add(20 * time.Second)}); f.Settling {
			t.Errorf("%s: a status is no change", name)
		}
	}
}

// alone leaves the proof to callers: where a second port leads to what the pods
// declare, that says nothing of the first.
func alone(change func(*kube.Snapshot)) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		change(s)
		for _, svc := range s.Services {
			svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "more", Port: 9090, TargetPort: intstr.FromInt32(8080)})
		}
	}
}

func TestACallerOfABrokenServiceIsNoFindingOfItsOwn(t *testing.T) {
	_, s := readCapture(t, "testdata/service-selector-mismatch-caller")
	found := All(s, Options{Now: s.Taken})
	if len(found) != 1 || found[0].Diagnosis.Cause != incident.ServiceSelectorMismatch || len(found[0].Victims) != 1 {
		t.Errorf("want one finding with one victim, have %d: %v", len(found), found)
	}
	_, s = readCapture(t, "testdata/service-port-mismatch-caller")
	found = All(s, Options{Now: s.Taken})
	if len(found) != 1 || found[0].Diagnosis.Cause != incident.ServicePortMismatch || len(found[0].Victims) != 1 {
		t.Errorf("want one finding with one victim, have %d: %v", len(found), found)
	}
	for name, change := range map[string]func(*kube.Snapshot){
		"nobody has its log":       func(s *kube.Snapshot) { s.Logs = nil },
		"it asked another port":    func(s *kube.Snapshot) { said(s, ":80", ":81") },
		"it was too slow":          func(s *kube.Snapshot) { said(s, "connection refused", "i/o timeout") },
		"it asked another Service": func(s *kube.Snapshot) { said(s, "web:80", "db:80") },
		"the pods became ready after its last run": func(s *kube.Snapshot) {
			for _, p := range s.Pods {
				for i := range p.Status.Conditions {
					p.Status.Conditions[i].LastTransitionTime = metav1.NewTime(s.Taken)
				}
			}
		},
		"a container declares no ports": func(s *kube.Snapshot) { containers(s, func(c *corev1.Container) { c.Ports = nil }) },
		"the target is declared":        func(s *kube.Snapshot) { s.Services[0].Spec.Ports[0].TargetPort = intstr.FromInt32(8080) },
	} {
		change := alone(change)
		if f := captured(t, "service-port-mismatch-caller", change); f.Diagnosis.Cause == incident.ServicePortMismatch {
			t.Errorf("%s: %s", name, describe(f))
		}
		wantFault(t, "service-port-mismatch-caller", change, "")
	}
	wantFault(t, "service-port-mismatch-caller", alone(func(s *kube.Snapshot) {
		twin(s, "db", func(*corev1.Service) {})
		said(s, "http://web:80/", "http://db:80/web")
	}), "")
	wantFault(t, "service-port-mismatch-caller", alone(func(s *kube.Snapshot) {
		said(s, "connection refused", "i/o timeout")
		s.Logs[0].Lines = append([]redact.Text{text("the web refused nothing")}, s.Logs[0].Lines...)
	}), "")
	wantFault(t, "service-port-mismatch-caller", func(s *kube.Snapshot) { s.Logs = nil }, incident.ServicePortMismatch)
	f := captured(t, "service-port-mismatch-caller", func(s *kube.Snapshot) {
		said(s, ":80", ":81")
		containers(s, func(c *corev1.Container) {
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(8080)}}}
		})
	})
	if f.Diagnosis.Cause == incident.ServicePortMismatch {
		t.Errorf("it asked a port that the Service does not have: %s", describe(f))
	}
	f = captured(t, "service-selector-mismatch-caller", func(s *kube.Snapshot) {
		for i := range s.Logs {
			s.Logs[i].Lines = []redact.Text{text("dial tcp: lookup web on 10.96.0.10:53: no such host")}
		}
	})
	if f.Diagnosis.Cause == incident.ServiceSelectorMismatch {
		t.Errorf("a name that does not resolve is not the selector's fault: %s", describe(f))
	}
}

// said changes what logs say.
func said(s *kube.Snapshot, was, is string) {
	for i := range s.Logs {
		for j, line := range s.Logs[i].Lines {
			s.Logs[i].Lines[j] = text(strings.ReplaceAll(line.String(), was, is))
		}
	}
}

// wantFault changes a case and wants its Service to have this cause, or none.
func wantFault(t *testing.T, name string, change func(*kube.Snapshot), want incident.Cause) {
	t.Helper()
	_, s := readCapture(t, "testdata/"+name)
	change(s)
	f := Diagnose(s, kube.Key("Service", s.Services[0].Namespace, s.Services[0].Name), Options{Now: s.Taken})
	switch {
	case want == "" && !f.Healthy:
		t.Errorf("want no fault, have %s", describe(f))
	case want != "" && f.Diagnosis.Cause != want:
		t.Errorf("want %s, have %s", want, describe(f))
	}
}

func renamed(s *kube.Snapshot, name string) {
	for _, slice := range s.EndpointSlices {
		if slice.Labels["kubernetes.io/service-name"] == s.Services[0].Name {
			slice.Labels["kubernetes.io/service-name"] = name
		}
	}
	s.Services[0].Name = name
}

func deployed(s *kube.Snapshot, was, name string) {
	for _, d := range s.Deployments {
		if d.Name == was {
			d.Name = name
		}
	}
	for _, v := range s.Services {
		if v.Name == was {
			v.Name = name
		}
	}
}

func addTemplate(s *kube.Snapshot, set map[string]string) {
	d := s.Deployments[0].DeepCopy()
	d.Name, d.UID, d.Spec.Replicas = "other", d.UID[:35]+"f", new(int32)
	d.Spec.Template.Labels = set
	s.Deployments = append(s.Deployments, d)
}

// foreignSet adds a ReplicaSet whose template fits, made by an object of that kind.
func foreignSet(s *kube.Snapshot, kind string) {
	rs := s.ReplicaSets[0].DeepCopy()
	rs.Name, rs.UID, rs.OwnerReferences[0].Kind, rs.Spec.Template.Labels = "web-old", rs.UID[:35]+"f", kind, s.Services[0].Spec.Selector
	s.ReplicaSets = append(s.ReplicaSets, rs)
}

func barePod(s *kube.Snapshot, set map[string]string) {
	p := s.Pods[0].DeepCopy()
	p.Name, p.UID, p.OwnerReferences, p.Labels = "bare", p.UID[:35]+"f", nil, set
	s.Pods = append(s.Pods, p)
}

func containers(s *kube.Snapshot, change func(*corev1.Container)) {
	for _, p := range s.Pods {
		for i := range p.Spec.Containers {
			if p.Spec.Containers[i].Name != "client" {
				change(&p.Spec.Containers[i])
			}
		}
	}
	for _, d := range s.Deployments {
		for i := range d.Spec.Template.Spec.Containers {
			if d.Spec.Template.Spec.Containers[i].Name != "client" {
				change(&d.Spec.Template.Spec.Containers[i])
			}
		}
	}
}

func tcpProbe(s *kube.Snapshot, port int32) {
	containers(s, func(c *corev1.Container) {
		c.Ports[0].ContainerPort = port
		c.ReadinessProbe.HTTPGet, c.ReadinessProbe.TCPSocket = nil, &corev1.TCPSocketAction{Port: intstr.FromInt32(port)}
	})
}

func unready(s *kube.Snapshot) {
	for _, p := range s.Pods {
		p.Status.Conditions = nil
	}
}

// spec is the first container of a Deployment.
func spec(s *kube.Snapshot, name string) *corev1.Container {
	for _, d := range s.Deployments {
		if d.Name == name {
			return &d.Spec.Template.Spec.Containers[0]
		}
	}
	return &corev1.Container{}
}

// worker makes the second Deployment one that declares nothing about requests,
// beside a web server that no Service names.
func worker(s *kube.Snapshot, command ...string) {
	withoutSecond(s)
	for _, d := range s.Deployments {
		c := &d.Spec.Template.Spec.Containers[0]
		if c.Command = []string{"gunicorn", "--app", "shop"}; d.Name != "cart" {
			c.Command, c.Ports, c.ReadinessProbe = command, nil, nil
		}
	}
}

func withoutSecond(s *kube.Snapshot) { s.Services = s.Services[:1] }

func logOf(p *corev1.Pod, line string) kube.Log {
	return kube.Log{Pod: kube.RefOf(p), Container: p.Spec.Containers[0].Name, Lines: []redact.Text{text(line)}}
}
