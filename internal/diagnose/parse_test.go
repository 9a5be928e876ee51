package diagnose

import (
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
)

func TestPullMessagesOfRegistriesAreRead(t *testing.T) {
	const image = "registry.example/shop/web:v2"
	for _, c := range []struct {
		name, message string
		want          incident.Cause
	}{
		{"containerd, no such tag", `rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/shop/web:v2": failed to resolve reference "registry.example/shop/web:v2": registry.example/shop/web:v2: not found`, incident.ImageNotFound},
		{"back-off with the error behind it", `Back-off pulling image "registry.example/shop/web:v2": ErrImagePull: registry.example/shop/web:v2: not found`, incident.ImageNotFound},
		{"docker, manifest unknown", `manifest for registry.example/shop/web:v2 not found: manifest unknown: manifest unknown`, incident.ImageNotFound},
		{"a host that does not resolve", `failed to do request: Head "https://registry.example/v2/": dial tcp: lookup registry.example on 10.96.0.10:53: no such host`, incident.ImageRegistryUnreachable},
		{"a host that is down", `Head "https://registry.example/v2/": dial tcp 192.0.2.1:443: connect: connection refused`, incident.ImageRegistryUnreachable},
		{"a host that does not answer", `dial tcp 192.0.2.1:443: i/o timeout`, incident.ImageRegistryUnreachable},
		{"401", `failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized`, incident.ImagePullUnauthorized},
		{"403", `unexpected status from HEAD request to https://registry.example/v2/shop/web/manifests/v2: 403 Forbidden`, incident.ImagePullUnauthorized},
		{"Docker Hub hides what exists", `pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`, incident.ImagePullUnauthorized},
		{"429", `429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit`, incident.ImagePullRateLimited},
		{"platform", `no match for platform in manifest: not found`, incident.ImagePlatformMismatch},
		{"a back-off that says nothing", `Back-off pulling image "registry.example/shop/web:v2"`, ""},
		{"a broken answer of the registry", `unexpected EOF`, ""},
		{"names in quotes do not answer", `failed to resolve reference "evil.example/401 unauthorized: not found": something else`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := pullCause(c.message, image); got != c.want {
				t.Errorf("want %q, have %q", c.want, got)
			}
		})
	}
	if got := pullCause("cannot pull evil.example/unauthorized: not found", "evil.example/unauthorized"); got != incident.ImageNotFound {
		t.Errorf("the image's own name decided: %q", got)
	}
}

func TestKubeletNamesWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		message string
		want    missing
		ok      bool
	}{
		{`configmap "shop-config" not found`, missing{kind: "ConfigMap", name: "shop-config"}, true},
		{`secret "shop-db" not found`, missing{kind: "Secret", name: "shop-db"}, true},
		{`configmaps "shop-config" not found`, missing{kind: "ConfigMap", name: "shop-config"}, true},
		{`couldn't find key loglevel in ConfigMap shop/web-config`, missing{kind: "ConfigMap", name: "web-config", key: "loglevel"}, true},
		{`couldn't find key user in Secret shop/shop-db`, missing{kind: "Secret", name: "shop-db", key: "user"}, true},
		{`MountVolume.SetUp failed for volume "conf" : configmap "shop-config" not found`, missing{kind: "ConfigMap", name: "shop-config"}, true},
		{`MountVolume.SetUp failed for volume "conf" : configmap references non-existent config key: app.yaml`, missing{kind: "ConfigMap", key: "app.yaml", volume: "conf"}, true},
		{`MountVolume.SetUp failed for volume "cred" : references non-existent secret key: tls.crt`, missing{kind: "Secret", key: "tls.crt", volume: "cred"}, true},
		{`configmap references non-existent config key: app.yaml`, missing{}, false}, // of which volume?
		{`MountVolume.SetUp failed for volume "conf" : failed to sync configmap cache: timed out waiting for the condition`, missing{}, false},
		{`Unable to attach or mount volumes: timed out`, missing{}, false},
	} {
		got, ok := parseMissing(c.message)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: want %+v %t, have %+v %t", c.message, c.want, c.ok, got, ok)
		}
	}
}

func TestSchedulerMessagesAreRead(t *testing.T) {
	total, refusals, ok := parseScheduling("0/4 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) had untolerated taint {dedicated: a, b}, " +
		"1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.")
	want := []refusal{{1, "Insufficient nvidia.com/gpu"}, {2, "node(s) had untolerated taint {dedicated: a, b}"}, {1, "node(s) didn't match Pod's node affinity/selector"}}
	if !ok || total != 4 || len(refusals) != len(want) {
		t.Fatalf("have %d %v %t", total, refusals, ok)
	}
	for n := range want {
		if refusals[n] != want[n] {
			t.Errorf("want %v, have %v", want[n], refusals[n])
		}
	}
	for _, message := range []string{"", "pod has unbound claims", "0/0 nodes", "0/x nodes are available: y"} {
		if _, _, ok := parseScheduling(message); ok {
			t.Errorf("%q was read as a scheduler's refusal", message)
		}
	}
}

func TestTheLatestFilterDecides(t *testing.T) {
	// A node that lacks CPU has passed the taint and the selector.
	for message, want := range map[string]string{
		"1 node(s) had untolerated taint(s)": "had untolerated taint",
		"Too many pods":                      "Too many pods",
		"Insufficient cpu":                   "Insufficient cpu",
		"Insufficient example.com/x":         "Insufficient ",
	} {
		n := filterOf(message)
		if n < 0 || filters[n].phrase != want {
			t.Errorf("%q: want filter %q, have number %d", message, want, n)
		}
	}
	if filterOf("Insufficient cpu") < filterOf("node(s) had untolerated taint(s)") || filterOf("something new") != -1 {
		t.Error("resources come after taints, and what is not known is no reason")
	}
}

func TestProbeMessagesAreRead(t *testing.T) {
	for message, want := range map[string]probeFailure{
		`Liveness probe failed: Get "http://10.0.0.5:8081/": dial tcp 10.0.0.5:8081: connect: connection refused`:                                 {kind: "Liveness", refused: true},
		`Readiness probe failed: HTTP probe failed with statuscode: 404`:                                                                          {kind: "Readiness", status: 404},
		`Readiness probe failed: Get "http://10.0.0.5:80/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`:           {kind: "Readiness", timeout: true},
		`Startup probe failed: cat: can't open '/tmp/x': No such file or directory`:                                                               {kind: "Startup"},
		`Liveness probe failed: Get "http://10.0.0.5/connection refused": EOF`:                                                                    {kind: "Liveness"},
		`Readiness probe errored and resulted in unknown state: rpc error: code = Unknown desc = failed to exec in container: connection refused`: {kind: "Readiness", errored: true, refused: true},
	} {
		got, ok := parseProbe(message)
		if !ok || got != want {
			t.Errorf("%s: want %+v, have %+v %t", message, want, got, ok)
		}
	}
	if _, ok := parseProbe("Container web failed liveness probe, will be restarted"); ok {
		t.Error("that is no probe's answer")
	}
}

func TestRuntimesNameTheCommand(t *testing.T) {
	for message, want := range map[string]string{
		`exec: "migrat": executable file not found in $PATH: unknown`:                     "migrat",
		`exec: "/app/serve": stat /app/serve: no such file or directory: unknown`:         "/app/serve",
		`exec: "/etc/hosts": permission denied: unknown`:                                  "/etc/hosts",
		`exec /app/serve: no such file or directory`:                                      "/app/serve",
		`failed to create containerd task: error mounting "/x": not a directory: unknown`: "",
		`exec: \"nope\": executable file not found in $PATH`:                              "nope",
	} {
		if got, _, _ := parseExec(message); got != want {
			t.Errorf("%s: want %q, have %q", message, want, got)
		}
	}
}

func TestImageNamesAreTakenApart(t *testing.T) {
	for image, want := range map[string][2]string{
		"busybox":                           {"docker.io", "busybox"},
		"shop/web:v2":                       {"docker.io", "shop/web"},
		"registry.example/shop/web:v2":      {"registry.example", "registry.example/shop/web"},
		"registry.example:5000/shop/web":    {"registry.example:5000", "registry.example:5000/shop/web"},
		"localhost/web@sha256:0123":         {"localhost", "localhost/web"},
		"registry.example/web:v2@sha256:01": {"registry.example", "registry.example/web"},
	} {
		if registry(image) != want[0] || repository(image) != want[1] {
			t.Errorf("%s: have %s and %s", image, registry(image), repository(image))
		}
	}
}
