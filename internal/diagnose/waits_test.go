package diagnose

import (
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// verdictOf diagnoses Deployment/web of a case after change was made to what
// the cluster showed.
func verdictOf(t *testing.T, dir string, change func(*kube.Snapshot, string)) incident.Diagnosis {
	t.Helper()
	_, s := readCapture(t, filepath.Join("testdata", dir))
	ns := namespaceOf(s)
	change(s, ns)
	f := Diagnose(s, kube.Key("Deployment", ns, "web"), Options{Now: s.Taken})
	if problems := sound(f); len(problems) > 0 {
		t.Error(problems)
	}
	return f.Diagnosis
}

func webPod(s *kube.Snapshot) *corev1.Pod {
	for _, p := range s.Pods {
		if p.Labels["app"] == "web" {
			return p
		}
	}
	return nil
}

// say makes lines the log of every container of web.
func say(s *kube.Snapshot, lines ...string) {
	r := redact.New(redact.Config{Key: []byte("fixture")})
	for i := range s.Logs {
		if strings.HasPrefix(s.Logs[i].Pod.Name, "web-") {
			s.Logs[i].Lines = r.Lines([]byte(strings.Join(lines, "\n")), 0)
		}
	}
}

func object[T any](t *testing.T, manifest string) *T {
	t.Helper()
	o := new(T)
	if err := yaml.UnmarshalStrict([]byte(manifest), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// clusterDNS adds the cluster's DNS, with its pod ready or not.
func clusterDNS(t *testing.T, s *kube.Snapshot, ready bool) {
	t.Helper()
	s.Services = append(s.Services, object[corev1.Service](t, `
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP}]}`))
	slice := object[discoveryv1.EndpointSlice](t, `
metadata: {name: kube-dns-1, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
ports: [{name: dns, port: 53, protocol: UDP}]
endpoints: [{addresses: [10.244.0.2], conditions: {ready: true}}]`)
	slice.Endpoints[0].Conditions.Ready = &ready
	s.EndpointSlices = append(s.EndpointSlices, slice)
	s.Deployments = append(s.Deployments, object[appsv1.Deployment](t, `
metadata: {name: coredns, namespace: kube-system}
spec: {selector: {matchLabels: {k8s-app: kube-dns}}, template: {metadata: {labels: {k8s-app: kube-dns}}}}`))
}

func TestAnAbsentServiceMustHaveBeenLookedFor(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*kube.Snapshot, string)
		want   incident.Cause
	}{
		"as it was":                {func(*kube.Snapshot, string) {}, incident.ServiceMissing},
		"Services were not listed": {func(s *kube.Snapshot, _ string) { s.Services = nil }, incident.Unknown},
		"only those of another namespace were listed": {func(s *kube.Snapshot, _ string) {
			s.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "elsewhere"}}}
		}, incident.Unknown},
		"the API server says that there is none": {func(s *kube.Snapshot, ns string) {
			s.Services = nil
			s.MarkAbsent("Service", ns, "cahce")
		}, incident.ServiceMissing},
		"it was made since": {func(s *kube.Snapshot, ns string) {
			s.Services = append(s.Services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "cahce", Namespace: ns}})
		}, incident.Unknown},
		"the pod's own hosts file has the name": {func(s *kube.Snapshot, _ string) {
			webPod(s).Spec.HostAliases = []corev1.HostAlias{{IP: "192.0.2.1", Hostnames: []string{"cahce"}}}
		}, incident.Unknown},
		"the pod asks the DNS of its node": {func(s *kube.Snapshot, _ string) {
			webPod(s).Spec.DNSPolicy = corev1.DNSDefault
		}, incident.Unknown},
		"the name is that of a node": {func(s *kube.Snapshot, _ string) {
			s.Nodes = append(s.Nodes, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "cahce"}})
		}, incident.Unknown},
		"a missing variable lies deeper": {func(s *kube.Snapshot, _ string) {
			say(s, "nc: bad address 'cahce'", "sh: CACHE_HOST: parameter not set")
		}, incident.EnvVarMissing},
		"the name came later": {func(s *kube.Snapshot, _ string) {
			say(s, "nc: bad address 'cahce'", "connected to cahce", "bye")
		}, incident.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			if d := verdictOf(t, "service-missing", c.change); d.Cause != c.want {
				t.Errorf("want %s, have %s: %s", c.want, d.Cause, d.Summary)
			}
		})
	}
}

func TestADependencyMustBeKnownToBeDown(t *testing.T) {
	other := func(s *kube.Snapshot, ns string) {
		s.Services = append(s.Services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: ns}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}}})
	}
	for name, c := range map[string]struct {
		change func(*kube.Snapshot, string)
		want   incident.Cause
	}{
		"as it was":                 {func(*kube.Snapshot, string) {}, incident.DependencyUnavailable},
		"endpoints were not listed": {func(s *kube.Snapshot, _ string) { s.EndpointSlices = nil }, incident.Unknown},
		"by the name that redaction gives its address": {func(s *kube.Snapshot, ns string) {
			say(s, "dial tcp ⟨svc "+ns+"/cache⟩:6379: connect: connection refused")
		}, incident.DependencyUnavailable},
		"an address that nobody knows": {func(s *kube.Snapshot, _ string) {
			say(s, "dial tcp 192.0.2.9:6379: connect: connection refused")
		}, incident.DependencyUnavailable}, // of the workload: nobody of the cluster is to blame
		"an address, and one host in the environment that is down": {func(s *kube.Snapshot, ns string) {
			webPod(s).Spec.Containers[0].Env = []corev1.EnvVar{{Name: "CACHE_URL", Value: "redis://cache:6379"}}
			say(s, "dial tcp 192.0.2.9:6379: connect: connection refused")
		}, incident.DependencyUnavailable},
		"two hosts in the environment that are down": {func(s *kube.Snapshot, ns string) {
			other(s, ns)
			webPod(s).Spec.Containers[0].Env = []corev1.EnvVar{{Name: "CACHE_URL", Value: "redis://cache:6379"}, {Name: "DB_HOST", Value: "db"}}
			say(s, "java.net.ConnectException: Connection refused")
		}, incident.Unknown},
		"two, and the port says which": {func(s *kube.Snapshot, ns string) {
			other(s, ns)
			webPod(s).Spec.Containers[0].Env = []corev1.EnvVar{{Name: "CACHE_URL", Value: "redis://cache:6379"}, {Name: "DB_URL", Value: "postgres://db:5432"}}
			say(s, "Error: connect ECONNREFUSED 192.0.2.9:5432")
		}, incident.DependencyUnavailable},
		"its own pod refuses": {func(s *kube.Snapshot, _ string) {
			webPod(s).Spec.Containers[0].Env = []corev1.EnvVar{{Name: "CACHE_URL", Value: "redis://cache:6379"}}
			say(s, "dial tcp 127.0.0.1:6379: connect: connection refused")
		}, incident.Unknown},
		"an external name": {func(s *kube.Snapshot, _ string) { s.Services[0].Spec.Type = corev1.ServiceTypeExternalName }, incident.Unknown},
		"a time-out while reading": {func(s *kube.Snapshot, _ string) {
			say(s, "HTTPConnectionPool(host='cache', port=6379): Read timed out. (read timeout=5)")
		}, incident.Unknown},
		"goes on without it": {func(s *kube.Snapshot, _ string) {
			say(s, "cannot connect to cache:6379: connection refused, continuing without it")
		}, incident.Unknown},
		"then the password is rejected": {func(s *kube.Snapshot, _ string) {
			say(s, "could not connect to cache:6379: connection refused", `FATAL: password authentication failed for user "shop"`)
		}, incident.CredentialsRejected},
		"a Python error that follows from it": {func(s *kube.Snapshot, _ string) {
			say(s, "redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.", "",
				"During handling of the above exception, another exception occurred:", "", "Traceback (most recent call last):", "RuntimeError: no cache")
		}, incident.DependencyUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if d := verdictOf(t, "dependency-unavailable", c.change); d.Cause != c.want {
				t.Errorf("want %s, have %s: %s", c.want, d.Cause, d.Summary)
			}
		})
	}
}

func TestWhyANameThatExistsDoesNotResolve(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*kube.Snapshot, string)
		want   incident.Cause
		root   string
	}{
		"nobody knows":                  {func(*kube.Snapshot, string) {}, incident.Unknown, "Deployment/web"},
		"the cluster's DNS is down":     {func(s *kube.Snapshot, _ string) { clusterDNS(t, s, false) }, incident.DNSFailure, "Deployment/coredns"},
		"the cluster's DNS is ready":    {func(s *kube.Snapshot, _ string) { clusterDNS(t, s, true) }, incident.Unknown, "Deployment/web"},
		"the node's DNS by policy":      {func(s *kube.Snapshot, _ string) { webPod(s).Spec.DNSPolicy = corev1.DNSDefault }, incident.DNSFailure, "Deployment/web"},
		"the node's DNS by hostNetwork": {func(s *kube.Snapshot, _ string) { webPod(s).Spec.HostNetwork = true }, incident.DNSFailure, "Deployment/web"},
		"hostNetwork and the policy for it": {func(s *kube.Snapshot, _ string) {
			webPod(s).Spec.HostNetwork, webPod(s).Spec.DNSPolicy = true, corev1.DNSClusterFirstWithHostNet
		}, incident.Unknown, "Deployment/web"},
		"the DNS answered that there is none while it is down": {func(s *kube.Snapshot, _ string) {
			clusterDNS(t, s, false)
			say(s, "Error: getaddrinfo ENOTFOUND cache")
		}, incident.Unknown, "Deployment/web"},
		"a private nameserver may be the cluster's": {func(s *kube.Snapshot, ns string) {
			webPod(s).Spec.DNSPolicy = corev1.DNSNone
			webPod(s).Spec.DNSConfig = &corev1.PodDNSConfig{Nameservers: []string{"10.0.0.53"}, Searches: []string{ns + ".svc.cluster.local"}}
		}, incident.Unknown, "Deployment/web"},
	} {
		t.Run(name, func(t *testing.T) {
			d := verdictOf(t, "dns-name-exists", c.change)
			if d.Cause != c.want || d.Root.String() != c.root {
				t.Errorf("want %s of %s, have %s of %s: %s", c.want, c.root, d.Cause, d.Root, d.Summary)
			}
		})
	}
}

// TestACascadeIsOneFinding: web waits for api, which waits for cache, which
// crashes for want of a variable.
func TestACascadeIsOneFinding(t *testing.T) {
	_, s := readCapture(t, "testdata/dependency-cascade")
	found := All(s, Options{Now: s.Taken})
	if len(found) != 1 {
		t.Fatalf("%d findings", len(found))
	}
	f := found[0]
	if f.Subject.String() != "Deployment/cache" || f.Diagnosis.Cause != incident.EnvVarMissing {
		t.Errorf("have %s", describe(f))
	}
	if names := refNames(f.Victims); names != "Deployment/api Deployment/web" {
		t.Errorf("victims %s", names)
	}
}

// TestACrashLoopIsDownAtEveryMoment: without a readiness probe a pod is ready
// for a moment at every start.
func TestACrashLoopIsDownAtEveryMoment(t *testing.T) {
	d := verdictOf(t, "dependency-cascade", func(s *kube.Snapshot, _ string) {
		ready := true
		for _, slice := range s.EndpointSlices {
			for i := range slice.Endpoints {
				slice.Endpoints[i].Conditions.Ready = &ready
			}
		}
	})
	if d.Cause != incident.DependencyUnavailable || d.Root.String() != "Deployment/api" {
		t.Errorf("have %s of %s: %s", d.Cause, d.Root, d.Summary)
	}
}

func refNames(refs []action.Ref) string {
	var out []string
	for _, r := range refs {
		out = append(out, r.String())
	}
	return strings.Join(out, " ")
}

func TestAnInitContainerMustLackWhatItAsksFor(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*kube.Snapshot, string)
		want   incident.Cause
		root   string
	}{
		"as it was": {func(*kube.Snapshot, string) {}, incident.InitContainerWaiting, "Deployment/db"},
		"what it asks for is there": {func(s *kube.Snapshot, _ string) {
			for _, slice := range s.EndpointSlices {
				slice.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}
			}
		}, incident.Unknown, "Deployment/web"},
		"its log names another peer": {func(s *kube.Snapshot, _ string) {
			pod := webPod(s)
			s.Logs = []kube.Log{{Pod: kube.RefOf(pod), Container: "wait", Lines: redact.Literal("nc: bad address 'api.example.com'\nnc: bad address 'api.example.com'").Lines()}}
		}, incident.Unknown, "Deployment/web"},
		"its log tells of an error of its own": {func(s *kube.Snapshot, _ string) {
			s.Logs = []kube.Log{{Pod: kube.RefOf(webPod(s)), Container: "wait", Lines: redact.Literal("ERROR: migration 17 has a wrong checksum").Lines()}}
		}, incident.Unknown, "Deployment/web"},
		"it asks for a ConfigMap": {func(s *kube.Snapshot, ns string) {
			webPod(s).Spec.InitContainers[0].Command = []string{"sh", "-c", "until kubectl get configmap shop-flags; do sleep 1; done"}
			webPod(s).Spec.InitContainers[0].Env = nil
			s.MarkAbsent("ConfigMap", ns, "shop-flags")
		}, incident.InitContainerWaiting, "ConfigMap/shop-flags"},
		"it asks for a ConfigMap of another namespace": {func(s *kube.Snapshot, ns string) {
			webPod(s).Spec.InitContainers[0].Command = []string{"sh", "-c", "until kubectl get configmap shop-flags -n data; do sleep 1; done"}
			webPod(s).Spec.InitContainers[0].Env = nil
			s.MarkAbsent("ConfigMap", ns, "shop-flags")
		}, incident.Unknown, "Deployment/web"},
	} {
		t.Run(name, func(t *testing.T) {
			d := verdictOf(t, "init-container-waiting-silent", c.change)
			if d.Cause != c.want || d.Root.String() != c.root {
				t.Errorf("want %s of %s, have %s of %s: %s", c.want, c.root, d.Cause, d.Root, d.Summary)
			}
		})
	}
}

func TestHostsAreReadFromCommandsAndVariables(t *testing.T) {
	for command, want := range map[string]string{
		"until nc -z -w 2 cache 6379; do sleep 1; done":                                "cache:6379",
		"until nslookup db.shop.svc.cluster.local; do echo waiting for nothing; done":  "db.shop.svc.cluster.local:0",
		"until wget -q -O - http://api:8080/healthz; do sleep 1; done":                 "api:8080",
		"while ! (echo > /dev/tcp/kafka/9092) >/dev/null 2>&1; do sleep 1; done":       "kafka:9092",
		"until pg_isready -h db -p 5432 -U shop; do sleep 1; done":                     "db:5432",
		"/wait-for-it.sh db:5432 -t 60 -- ./serve":                                     "db:5432",
		"dockerize -wait tcp://db:5432 -wait tcp://cache:6379":                         "db:5432 cache:6379",
		"until nc -z $DB_HOST ${DB_PORT:-5432}; do sleep 1; done":                      "db:5432",
		"chown app:1000 /data && wget -q -O /data/x http://files/x":                    "files:0",
		`echo "curl would fail here"; echo nc cache 6379; sleep 100`:                   "",
		"until mysqladmin ping -hmysql --silent; do sleep 1; done":                     "mysql:0",
		"# nc -z cache 6379\nsleep 100":                                                "",
		"until curl -sf http://localhost:8080/ && curl 127.0.0.1:9090; do sleep; done": "",
	} {
		c := &corev1.Container{Command: []string{"sh", "-c", command}, Env: []corev1.EnvVar{{Name: "DB_HOST", Value: "db"}}}
		if got := hostNames(commandHosts(c)); got != want {
			t.Errorf("%s\nwant %q, have %q", command, want, got)
		}
	}
	for variable, want := range map[string]string{
		"REDIS_URL=redis://user:x@cache:6379/0":   "cache:6379",
		"DB_HOST=db":                              "db:0",
		"KAFKA_BROKERS=kafka-0:9092,kafka-1:9092": "kafka-0:9092 kafka-1:9092",
		"POD_HOST=web":                            "",
		"APP_NAME=web":                            "",
		"LOG_LEVEL=info":                          "",
		"CACHE_HOST=127.0.0.1":                    "",
		"SPRING_DATASOURCE_URL=jdbc:mysql://db/x": "db:0",
		"OWNER=app:1000":                          "",
		"SCHEDULE=at 10:30":                       "",
	} {
		name, value, _ := strings.Cut(variable, "=")
		c := &corev1.Container{Env: []corev1.EnvVar{{Name: name, Value: value}}}
		if got := hostNames(envHosts(c)); got != want {
			t.Errorf("%s: want %q, have %q", variable, want, got)
		}
	}
}

func hostNames(hosts []specHost) string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.host+":"+redact.Int(int64(h.port)).String())
	}
	return strings.Join(out, " ")
}

func FuzzSpecText(f *testing.F) {
	f.Add("until nc -z $DB_HOST ${DB_PORT:-5432}; do sleep 1; done", "DB_URL", "postgres://a:b@db:5432/$(NAME)")
	f.Fuzz(func(t *testing.T, command, name, value string) {
		c := &corev1.Container{Command: []string{"sh", "-c", command}, Env: []corev1.EnvVar{{Name: name, Value: value}}}
		all := strings.ToLower(command + value)
		for _, h := range append(commandHosts(c), envHosts(c)...) {
			if !loglines.IsHost(h.host) || h.port < 0 || h.port > 65535 || !strings.Contains(value+command, "$") && !strings.Contains(all, h.host) {
				t.Errorf("invented %+v", h)
			}
		}
	})
}
