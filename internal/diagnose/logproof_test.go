package diagnose

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// saying replaces the logs of a case by one.
func saying(log string) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		for i := range s.Logs {
			s.Logs[i].Lines = lines(log)
		}
	}
}

// pods changes every pod of a case.
func pods(change func(*corev1.Pod)) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		for _, p := range s.Pods {
			change(p)
		}
	}
}

func blames(t *testing.T, f Finding, cause incident.Cause, root string) {
	t.Helper()
	if f.Diagnosis.Cause != cause || f.Diagnosis.Root.String() != root {
		t.Errorf("want %s with root %s, have %s", cause, root, describe(f))
	}
	for _, problem := range sound(f) {
		t.Error(problem)
	}
}

func TestFilesAreFoundInTheirVolumes(t *testing.T) {
	f := fault{
		pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}, Spec: corev1.PodSpec{Volumes: []corev1.Volume{
			{Name: "conf", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "web-conf"}}}},
			{Name: "some", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "some-conf"}, Items: []corev1.KeyToPath{{Key: "a", Path: "sub/a.conf"}}}}},
			{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "web-tls"}}},
			{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		}}},
		container: &corev1.Container{VolumeMounts: []corev1.VolumeMount{
			{Name: "conf", MountPath: "/etc/app/"},
			{Name: "conf", MountPath: "/etc/one.conf", SubPath: "app.conf"},
			{Name: "conf", MountPath: "/etc/pods", SubPathExpr: "$(POD)"},
			{Name: "some", MountPath: "/etc/some"},
			{Name: "tls", MountPath: "/etc/app/tls"},
			{Name: "scratch", MountPath: "/etc"},
		}},
	}
	s := &kube.Snapshot{ConfigMaps: []kube.Keys{{Ref: kube.Key("ConfigMap", "shop", "web-conf"), Keys: []string{"app.conf"}}}}
	l := &look{x: s.Index()}
	for file, want := range map[string]source{
		"/etc/app/app.conf":                  {"ConfigMap", "web-conf", "app.conf"},
		"/etc/app/..data/app.conf":           {"ConfigMap", "web-conf", "app.conf"},
		"/etc/app/..2026_11_20.123/app.conf": {"ConfigMap", "web-conf", "app.conf"},
		"/etc/app/./x/../app.conf":           {"ConfigMap", "web-conf", "app.conf"},
		"/etc/one.conf":                      {"ConfigMap", "web-conf", "app.conf"},
		"/etc/some/sub/a.conf":               {"ConfigMap", "some-conf", "a"},
		"/etc/app/tls/tls.crt":               {"Secret", "web-tls", "tls.crt"},
		"/etc/app/other.conf":                {}, // the ConfigMap has no such key
		"/etc/app":                           {},
		"/etc/appapp.conf":                   {},
		"/etc/apparel/app.conf":              {},
		"/etc/pods/app.conf":                 {},
		"/etc/some/b.conf":                   {},
		"/usr/share/app.conf":                {},
		"app.conf":                           {},
		"":                                   {},
	} {
		if got, ok := l.sourceOf(f, file); ok != (want != source{}) || ok && got != want {
			t.Errorf("%s: want %+v, have %+v %t", file, want, got, ok)
		}
	}
	if got, ok := l.sourceOf(fault{}, "/etc/app/app.conf"); ok {
		t.Errorf("without a pod: %+v", got)
	}
}

func TestARejectedFileIsBlamedOnlyOnTheConfigMapThatHoldsIt(t *testing.T) {
	blames(t, captured(t, "config-invalid", saying(`nginx: [emerg] unknown directive "x" in /etc/nginx/conf.d/other.conf:3`)), incident.Unknown, "Deployment/web")
	blames(t, captured(t, "config-invalid", saying(`ERROR failed to parse /etc/nginx/conf.d/default.conf: yaml: line 1: did not find expected key`)), incident.ConfigInvalid, "ConfigMap/web-nginx")
	blames(t, captured(t, "config-invalid", saying(`ERROR upload "failed to parse /etc/nginx/conf.d/default.conf: yaml: invalid" refused`)), incident.Unknown, "Deployment/web")
	// Two files on the command line: nobody knows which Redis means.
	blames(t, captured(t, "config-invalid-projected", pods(func(p *corev1.Pod) {
		p.Spec.Containers[0].Args = append(p.Spec.Containers[0].Args, "/conf/ready.sh")
	})), incident.Unknown, "Deployment/web")
}

func TestAFullDiskWithoutAFileIsBlamedOnTheOneClaimItCanBe(t *testing.T) {
	const vague = "writing\nsh: write error: No space left on device"
	claim := func(name, at string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
			}})
			p.Spec.Containers[0].VolumeMounts = append(p.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: at})
		}
	}
	for _, c := range []struct {
		name, log string
		change    func(*corev1.Pod)
		cause     incident.Cause
		root      string
	}{
		{"the only volume", vague, nil, incident.VolumeFull, "PersistentVolumeClaim/web-data"},
		{"one of two", vague, claim("logs", "/logs"), incident.Unknown, "Deployment/web"},
		{"the one of two that the log speaks of", "writing /logs/today\n" + vague, claim("logs", "/logs"), incident.VolumeFull, "PersistentVolumeClaim/logs"},
		{"the file stands above", "writing /data/a\ndd: error writing '/logs/x': No space left on device\n" + vague, claim("logs", "/logs"), incident.VolumeFull, "PersistentVolumeClaim/logs"},
		{"a claim and another volume", vague, func(p *corev1.Pod) {
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
			p.Spec.Containers[0].VolumeMounts = append(p.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "tmp", MountPath: "/tmp"})
		}, incident.Unknown, "Deployment/web"},
		{"no claim", vague, func(p *corev1.Pod) { p.Spec.Containers[0].VolumeMounts = nil }, incident.VolumeFull, "Deployment/web"},
		{"the limit of watched files", "Error: ENOSPC: System limit for number of file watchers reached, watch '/app'", nil, incident.Unknown, "Deployment/web"},
	} {
		t.Run(c.name, func(t *testing.T) {
			blames(t, captured(t, "volume-full-claim", func(s *kube.Snapshot) {
				saying(c.log)(s)
				if c.change != nil {
					pods(c.change)(s)
				}
			}), c.cause, c.root)
		})
	}
}

func TestARefusalMustNameThePodsOwnAccount(t *testing.T) {
	const said = `ERROR pods is forbidden: User "system:serviceaccount:%s" cannot list resource "pods" in API group "" in the namespace "x"`
	blames(t, captured(t, "rbac-forbidden", saying(fmt.Sprintf(said, "dx-rbac-forbidden:report"))), incident.RBACForbidden, "ServiceAccount/report")
	for _, other := range []string{"dx-rbac-forbidden:default", "kube-system:report", "dx-rbac-forbidden:reporter"} {
		blames(t, captured(t, "rbac-forbidden", saying(fmt.Sprintf(said, other))), incident.Unknown, "Deployment/web")
	}
}

func TestOfSeveralSecretsTheOneForTheSystemIsBlamed(t *testing.T) {
	env := func(name, secret string) corev1.EnvVar {
		if secret == "" {
			return corev1.EnvVar{Name: name, Value: "changeme"}
		}
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "k",
		}}}
	}
	const (
		postgres = `FATAL: password authentication failed for user "shop"`
		redis    = `FATAL: WRONGPASS invalid username-password pair or user is disabled.`
	)
	for _, c := range []struct {
		name, log string
		env       []corev1.EnvVar
		want      string
	}{
		{"by the name of the variable", postgres, []corev1.EnvVar{env("DB_PASSWORD", "a"), env("REDIS_PASSWORD", "b")}, "Secret/a"},
		{"of another system", redis, []corev1.EnvVar{env("DB_PASSWORD", "a"), env("REDIS_PASSWORD", "b")}, "Secret/b"},
		{"the name tells no system", postgres, []corev1.EnvVar{env("PASSWORD", "a")}, "Secret/a"},
		{"two for one system", postgres, []corev1.EnvVar{env("DB_PASSWORD", "a"), env("POSTGRES_PASSWORD", "b")}, "Deployment/web"},
		{"the only Secret is for another system", redis, []corev1.EnvVar{env("DB_PASSWORD", "a")}, "Deployment/web"},
		{"a literal beside a Secret", postgres, []corev1.EnvVar{env("DB_PASSWORD", ""), env("API_TOKEN", "b")}, "Deployment/web"},
		{"FEEDBACK is no database", postgres, []corev1.EnvVar{env("FEEDBACK_TOKEN", "a"), env("DB_PASSWORD", "b")}, "Secret/b"},
		{"none", postgres, nil, "Deployment/web"},
		{"a service without a name", "FATAL: invalid credentials", []corev1.EnvVar{env("DB_PASSWORD", "a")}, "Secret/a"},
		{"a service without a name, the only Secret", "FATAL: invalid credentials", []corev1.EnvVar{env("DB_USER", "a")}, "Secret/a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, "credentials-rejected", func(s *kube.Snapshot) {
				saying(c.log)(s)
				pods(func(p *corev1.Pod) { p.Spec.Containers[0].Env = c.env })(s)
			})
			blames(t, f, incident.CredentialsRejected, c.want)
		})
	}
}

func TestASecretThatChangedBeforeTheStartIsNotStale(t *testing.T) {
	f := captured(t, "credentials-stale", func(s *kube.Snapshot) {
		for i := range s.Secrets {
			s.Secrets[i].Changed = s.Secrets[i].Changed.Add(-time.Hour)
		}
	})
	blames(t, f, incident.CredentialsRejected, "Secret/shop-db")
	if said := f.Diagnosis.Summary.String(); strings.Contains(said, "changed") {
		t.Errorf("it was not: %s", said)
	}
}

func TestAFailingProbeWithoutAnErrorIsNotExplainedByTheLog(t *testing.T) {
	f := captured(t, "credentials-stale", saying("started, serving\nERROR: FATAL: password authentication failed for user \"shop\"\nconnected, all is well"))
	blames(t, f, incident.ReadinessProbeFailing, "Deployment/web")
	// Who runs may tell of clients of its own.
	f = captured(t, "credentials-stale", saying("ERROR: authentication failed\nERROR: authentication failed"))
	blames(t, f, incident.ReadinessProbeFailing, "Deployment/web")
}

func TestAWrongProbeIsNotExplainedByTheLog(t *testing.T) {
	f := captured(t, "credentials-stale", func(s *kube.Snapshot) {
		pods(func(p *corev1.Pod) {
			p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}}
		})(s)
		for i := range s.Events {
			if s.Events[i].Reason == "Unhealthy" {
				s.Events[i].Message = redact.Literal("Readiness probe failed: HTTP probe failed with statuscode: 404")
			}
		}
	})
	blames(t, f, incident.ProbeMisconfigured, "Deployment/web")
}

func TestALogDoesNotExplainAKill(t *testing.T) {
	for _, reason := range []string{"Error", "OOMKilled"} {
		f := captured(t, "filesystem-run-as-user", pods(func(p *corev1.Pod) {
			cs := &p.Status.ContainerStatuses[0]
			for _, state := range []*corev1.ContainerState{&cs.State, &cs.LastTerminationState} {
				if state.Terminated != nil {
					state.Terminated.ExitCode, state.Terminated.Reason = 137, reason
				}
			}
		}))
		if f.Diagnosis.Cause == incident.FilesystemPermissionDenied {
			t.Errorf("%s: have %s", reason, describe(f))
		}
	}
}

func TestGrowthInTheLogTellsALeakFromALowLimit(t *testing.T) {
	for _, c := range []struct {
		name, log string
		ran       time.Duration
		want      incident.Cause
	}{
		{"four readings that rise", "heap used: 10M\nheap used: 14M\nheap used: 19M\nheap used: 25M", time.Minute, incident.MemoryLeak},
		{"soon after the start", "heap used: 10M\nheap used: 14M\nheap used: 19M\nheap used: 25M", 3 * time.Second, incident.OOMKilled},
		{"three readings", "heap used: 10M\nheap used: 14M\nheap used: 25M", time.Minute, incident.OOMKilled},
		{"up and down", "heap used: 10M\nheap used: 24M\nheap used: 12M\nheap used: 25M\nheap used: 30M\nheap used: 31M", time.Minute, incident.OOMKilled},
		{"hardly any growth", "heap used: 100M\nheap used: 101M\nheap used: 102M\nheap used: 103M", time.Minute, incident.OOMKilled},
		{"numbers of something else", "served 1\nserved 2\nserved 3\nserved 4", time.Minute, incident.OOMKilled},
		{"keys with the unit", rising(`{"level":"info","msg":"memstats","uptime_s":%d,"heap_alloc_mb":%d,"subscriptions":7000}`), time.Minute, incident.MemoryLeak},
		{"keys in camel case", rising(`level=info seq=%d heapUsedMB=%d`), time.Minute, incident.MemoryLeak},
		{"all that was ever allocated", rising(`{"n":%d,"total_alloc_mb":%d}`), time.Minute, incident.OOMKilled},
		{"a limit", rising(`{"n":%d,"heap_limit_mb":%d}`), time.Minute, incident.OOMKilled},
		{"a count of objects", rising(`{"n":%d,"heap_objects":%d}`), time.Minute, incident.OOMKilled},
		{"units in keys", "heap_kb=900\nheap_kb=1500\nheap_mb=3\nheap_mb=4", time.Minute, incident.MemoryLeak},
		{"units in keys, and a fall", "heap_mb=3\nheap_mb=4\nheap_kb=1500\nheap_kb=1900\nheap_kb=2900", time.Minute, incident.OOMKilled},
		{"units", `{"rss":"900KiB"}` + "\n" + `{"rss":"1.5MiB"}` + "\n" + `{"rss":"200MiB"}` + "\n" + `{"rss":"1GiB"}`, time.Minute, incident.MemoryLeak},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, "memory-leak", func(s *kube.Snapshot) {
				saying(c.log)(s)
				ranFor(s, c.ran, 1, c.ran)
			})
			if f.Diagnosis.Cause != c.want {
				t.Errorf("want %s, have %s", c.want, describe(f))
			}
		})
	}
}

// rising is a log of five readings, each above the one before.
func rising(line string) string {
	var log []string
	for n := 1; n <= 5; n++ {
		log = append(log, fmt.Sprintf(line, n, 10*n))
	}
	return strings.Join(log, "\n")
}

// ranFor sets how long the last run took, how many ended, and how long they
// took on the average.
func ranFor(s *kube.Snapshot, last time.Duration, runs int32, mean time.Duration) {
	for _, p := range s.Pods {
		cs := &p.Status.ContainerStatuses[0]
		t := cs.LastTerminationState.Terminated
		if t == nil {
			t = cs.State.Terminated
		}
		end := metav1.NewTime(s.Taken.Add(-time.Second))
		t.FinishedAt, t.StartedAt = end, metav1.NewTime(end.Add(-last))
		cs.LastTerminationState.Terminated = t
		cs.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: end}}
		cs.RestartCount = runs
		start := metav1.NewTime(end.Add(-mean * time.Duration(runs)))
		p.Status.StartTime = &start
	}
}

func TestLongRunsOfOneLengthTellALeak(t *testing.T) {
	for _, c := range []struct {
		name       string
		last, mean time.Duration
		runs       int32
		want       incident.Cause
	}{
		{"an hour each, four times", time.Hour, 63 * time.Minute, 4, incident.MemoryLeak},
		{"an hour, once", time.Hour, time.Hour, 1, incident.OOMKilled},
		{"a minute each", time.Minute, time.Minute, 9, incident.OOMKilled},
		{"ten minutes after days", 10 * time.Minute, 30 * time.Hour, 4, incident.OOMKilled},
		{"a day after short ones", 24 * time.Hour, 7 * time.Hour, 4, incident.OOMKilled},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, "memory-leak", func(s *kube.Snapshot) {
				saying("at work")(s)
				ranFor(s, c.last, c.runs, c.mean)
			})
			if f.Diagnosis.Cause != c.want {
				t.Errorf("want %s, have %s", c.want, describe(f))
			}
		})
	}
}

func TestAVariableSetTwiceIsBlamedOnlyIfTheLogFindsFaultWithIt(t *testing.T) {
	service := func(name string) func(*kube.Snapshot) {
		return func(s *kube.Snapshot) {
			s.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespaceOf(s)}}}
		}
	}
	env := func(list ...corev1.EnvVar) func(*kube.Snapshot) {
		return pods(func(p *corev1.Pod) { p.Spec.Containers[0].Env = list })
	}
	redis := func(won, lost string) func(*kube.Snapshot) {
		return env(corev1.EnvVar{Name: "REDIS_HOST", Value: lost}, corev1.EnvVar{Name: "REDIS_HOST", Value: won})
	}
	const refused = "[ioredis] Unhandled error event: Error: connect ECONNREFUSED 127.0.0.1:6379\n" +
		"    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1607:16)\n" +
		"MaxRetriesPerRequestError: Reached the max retries per request limit (which is 20)."
	for _, c := range []struct {
		name, log string
		change    func(*kube.Snapshot)
		want      bool
	}{
		{"the variable is named", "FATAL: SHOP_MODE is not valid", nil, true},
		{"the value is named", `FATAL: unknown mode "prodution"`, nil, true},
		{"a part of a word", "FATAL: unknown mode produtions", nil, false},
		{"another variable", "FATAL: SHOP_REGION is not valid", nil, false},
		{"as a warning", "WARN SHOP_MODE is not valid\nbye", nil, false},
		{"the variable, and trouble of another kind", "ERROR: failed in SHOP_MODE prodution: no price list", nil, false},
		{"trouble far from the variable", "ERROR: SHOP_MODE prodution: the list of prices for the region that was asked for is not valid", nil, false},
		{"before another error", "FATAL: SHOP_MODE is not valid\nERROR: no price list for today", nil, false},
		{"env twice, one value", "FATAL: HOST is not valid", env(corev1.EnvVar{Name: "HOST", Value: "db"}, corev1.EnvVar{Name: "HOST", Value: "db"}), false},
		{"env twice, two values", "FATAL: HOST is not valid", env(corev1.EnvVar{Name: "HOST", Value: "db"}, corev1.EnvVar{Name: "HOST", Value: "dbb"}), true},
		{"its own address refuses", "ERROR: dial tcp 127.0.0.1:5432: connect: connection refused", env(corev1.EnvVar{Name: "SHOP_MODE", Value: "127.0.0.1:5432"}), true},
		{"its own address by another name", refused, redis("localhost", "eu"), true},
		{"its own address, which a line above ties to the variable", "redis at localhost:6379\nError: connect ECONNREFUSED 127.0.0.1:6379", redis("localhost", "eu"), true},
		{"a port that nothing ties to the variable", "Error: connect ECONNREFUSED 127.0.0.1:6379", redis("localhost", "eu"), false},
		{"a line above about another port", "redis at localhost:6380\nError: connect ECONNREFUSED 127.0.0.1:6379", redis("localhost", "eu"), false},
		{"its own address on another port", refused, redis("redis://localhost:6380", "eu"), false},
		{"another host refuses", "[ioredis] Error: connect ECONNREFUSED 10.0.0.1:6379", redis("localhost", "eu"), false},
		{"the variable of another peer", refused, env(corev1.EnvVar{Name: "METRICS_HOST", Value: "eu"}, corev1.EnvVar{Name: "METRICS_HOST", Value: "localhost"}), false},
		{"the loser is its own address", refused, redis("eu", "localhost"), false},
		{"another container may listen", refused, func(s *kube.Snapshot) {
			redis("localhost", "eu")(s)
			pods(func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "proxy"}) })(s)
		}, false},
		{"a sidecar may listen", refused, func(s *kube.Snapshot) {
			redis("localhost", "eu")(s)
			always := corev1.ContainerRestartPolicyAlways
			pods(func(p *corev1.Pod) {
				p.Spec.InitContainers = []corev1.Container{{Name: "proxy", RestartPolicy: &always}}
			})(s)
		}, false},
		{"the node may listen", refused, func(s *kube.Snapshot) {
			redis("localhost", "eu")(s)
			pods(func(p *corev1.Pod) { p.Spec.HostNetwork = true })(s)
		}, false},
		{"a Service that is there refuses", "ERROR: cannot reach cache:6379: connection refused", func(s *kube.Snapshot) {
			env(corev1.EnvVar{Name: "SHOP_MODE", Value: "cache:6379"})(s)
			service("cache")(s)
		}, false},
		{"a host that does not exist, and the loser does", "ERROR: lookup bd: no such host", func(s *kube.Snapshot) {
			env(corev1.EnvVar{Name: "SHOP_MODE", Value: "db"}, corev1.EnvVar{Name: "SHOP_MODE", Value: "bd:5432"})(s)
			saying("ERROR: lookup bd:5432: no such host")(s)
			service("db")(s)
		}, true},
		{"a host that does not exist, and a ConfigMap's value loses", "nc: bad address 'dbb'", func(s *kube.Snapshot) {
			env(corev1.EnvVar{Name: "SHOP_MODE", Value: "dbb"})(s)
			service("db")(s)
		}, true},
		{"the same, while nobody looked at Services", "nc: bad address 'dbb'", func(s *kube.Snapshot) {
			env(corev1.EnvVar{Name: "SHOP_MODE", Value: "dbb"})(s)
			s.Services = nil
		}, false},
		{"an unknown host refuses", "ERROR: dbb: connection refused", func(s *kube.Snapshot) {
			env(corev1.EnvVar{Name: "SHOP_MODE", Value: "dbb"})(s)
			service("db")(s)
		}, false},
		{"a host outside the cluster", "nc: bad address 'db.example.com'", func(s *kube.Snapshot) {
			env(corev1.EnvVar{Name: "SHOP_MODE", Value: "db.example.com"})(s)
			service("db")(s)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, "env-shadowed", func(s *kube.Snapshot) {
				saying(c.log)(s)
				if c.change != nil {
					c.change(s)
				}
			})
			if got := f.Diagnosis.Cause == incident.EnvShadowed; got != c.want {
				t.Errorf("want %t, have %s", c.want, describe(f))
			}
		})
	}
}

func TestAHookIsBlamedWhileTheKubeletKillsForIt(t *testing.T) {
	exit := func(code int32, reason string) func(*kube.Snapshot) {
		return pods(func(p *corev1.Pod) {
			cs := &p.Status.ContainerStatuses[0]
			for _, state := range []*corev1.ContainerState{&cs.State, &cs.LastTerminationState} {
				if state.Terminated != nil {
					state.Terminated.ExitCode, state.Terminated.Reason = code, reason
				}
			}
			cs.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
			cs.RestartCount = 3
		})
	}
	for name, c := range map[string]struct {
		change func(*kube.Snapshot)
		want   bool
	}{
		"killed":                         {exit(137, "Error"), true},
		"ended in peace when asked to":   {exit(0, "Completed"), true},
		"an error of the program's own":  {exit(3, "Error"), false},
		"killed for its memory":          {exit(137, "OOMKilled"), false},
		"without the event":              {func(s *kube.Snapshot) { exit(137, "Error")(s); s.Events = nil }, false},
		"the event is of an earlier run": {func(s *kube.Snapshot) { exit(137, "Error")(s); age(s, -10*time.Minute) }, false},
	} {
		f := captured(t, "lifecycle-hook-failed", c.change)
		if got := f.Diagnosis.Cause == incident.LifecycleHookFailed; got != c.want {
			t.Errorf("%s: want %t, have %s", name, c.want, describe(f))
		}
	}
}

func age(s *kube.Snapshot, by time.Duration) {
	for i := range s.Events {
		s.Events[i].Last = s.Events[i].Last.Add(by)
	}
}

func TestEvictionsByThePodsOwnLimitAreRead(t *testing.T) {
	for message, want := range map[string]string{
		`Container web exceeded its local ephemeral storage limit "10Mi". `:                         "container web wrote more than its ephemeral-storage limit of 10Mi",
		`Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. `:            "it wrote more than the ephemeral-storage limit of its containers, 10Mi",
		`Usage of EmptyDir volume "cache" exceeds the limit "10Mi". `:                               "emptyDir volume cache holds more than its sizeLimit of 10Mi",
		`The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 9Mi.`: "",
		`x Usage of EmptyDir volume "cache" exceeds the limit "10Mi". `:                             "",
		"Pod was evicted": "",
	} {
		if got, ok := parseEphemeral(message); got.String() != want || ok != (want != "") {
			t.Errorf("%s: want %q, have %q %t", message, want, got, ok)
		}
	}
}

func FuzzWordsOfKubeletsAndPrograms(f *testing.F) {
	f.Add(`Container web exceeded its local ephemeral storage limit "10Mi". `)
	f.Add("dial tcp 127.0.0.1:6379: connect: connection refused")
	f.Fuzz(func(t *testing.T, line string) {
		if said, ok := parseEphemeral(line); ok && said.IsEmpty() {
			t.Error("read nothing")
		}
		if host := hostOf(line); !strings.Contains(line, host) {
			t.Errorf("invented %q", host)
		}
		fault{pod: &corev1.Pod{}}.refusedByItself([]redact.Text{text(line)}, line, "REDIS_HOST", line)
	})
}
