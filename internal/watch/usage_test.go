package watch

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// listKinds are the lists that a look at sizes reads.
var listKinds = map[string][2]string{
	"pods": {"v1", "PodList"}, "namespaces": {"v1", "NamespaceList"}, "persistentvolumeclaims": {"v1", "PersistentVolumeClaimList"},
	"replicasets": {"apps/v1", "ReplicaSetList"}, "deployments": {"apps/v1", "DeploymentList"}, "statefulsets": {"apps/v1", "StatefulSetList"},
	"daemonsets": {"apps/v1", "DaemonSetList"}, "jobs": {"batch/v1", "JobList"}, "cronjobs": {"batch/v1", "CronJobList"},
	"horizontalpodautoscalers": {"autoscaling/v2", "HorizontalPodAutoscalerList"},
}

// metering is a Collector whose API server answers for the metrics API with
// status and body, and for everything else with an empty list.
func metering(t *testing.T, status int, body string) *Collector {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/apis/metrics.k8s.io/") {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return
		}
		kind := listKinds[path.Base(r.URL.Path)]
		_, _ = w.Write([]byte(`{"kind":"` + kind[1] + `","apiVersion":"` + kind[0] + `","items":[]}`))
	}))
	t.Cleanup(srv.Close)
	conn := &rest.Config{Host: srv.URL}
	c, err := NewCollector(CollectorConfig{
		Client: kubernetes.NewForConfigOrDie(conn), Metadata: metadata.NewForConfigOrDie(conn),
		Metrics: metricsclient.NewForConfigOrDie(conn), Redactor: redact.New(redact.Config{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWithoutAMetricsAPIOneSentenceSaysWhatToDo(t *testing.T) {
	said := func(code, reason string) string {
		return `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"` + reason + `","message":"no","code":` + code + `}`
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"not installed":  {404, "404 page not found", "install metrics-server"},
		"does not run":   {503, said("503", "ServiceUnavailable"), "Deployment metrics-server in kube-system"},
		"not allowed":    {403, said("403", "Forbidden"), "kubectl auth can-i list pods.metrics.k8s.io"},
		"something else": {418, said("418", "Unknown"), "could not be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := metering(t, c.status, c.body).Sizing(t.Context(), nil)
			var none *NoMetricsError
			if !errors.As(err, &none) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "metrics.k8s.io") {
				t.Errorf("said %v, want %q", err, c.want)
			}
		})
	}
}

func TestFiguresThatNoMachineHasAreLeftOut(t *testing.T) {
	amounts := func(cpu, memory string) metricsv1beta1.ContainerMetrics {
		return metricsv1beta1.ContainerMetrics{Name: "c", Usage: corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}}
	}
	for _, c := range []struct {
		cpu, memory string
		window      time.Duration
		want        bool
	}{
		{"50145533n", "1084Ki", 15 * time.Second, true}, {"0", "0", 0, true}, {"-1m", "1Mi", 15 * time.Second, false},
		{"1m", "-1", 15 * time.Second, false}, {"9e18", "1Mi", 15 * time.Second, false}, {"1m", "7Ei", 15 * time.Second, false},
		{"1m", "1Mi", -time.Second, false}, {"1m", "1Mi", 2 * time.Hour, false},
	} {
		got := podUsage(&metricsv1beta1.PodMetrics{Window: metav1.Duration{Duration: c.window}, Containers: []metricsv1beta1.ContainerMetrics{amounts(c.cpu, c.memory)}})
		if (len(got) == 1) != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func TestLooksRememberAFewSamplesOfAFewContainersForAFewMinutes(t *testing.T) {
	var r recentUsage
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := func(pod string, after time.Duration) []kube.Usage {
		return []kube.Usage{{Pod: kube.Key("Pod", "shop", pod), Container: "c", At: noon.Add(after)}}
	}
	for n := range 20 {
		r.with(at("web", time.Duration(n)*15*time.Second), noon)
	}
	got := r.with(at("web", 19*15*time.Second), noon)
	if len(got) != recentSamples || !got[0].At.Before(got[1].At) || !got[len(got)-1].At.Equal(noon.Add(19*15*time.Second)) {
		t.Errorf("%d samples, want the last %d, the oldest first: %v", len(got), recentSamples, got)
	}
	if got := r.with(at("other", time.Hour), noon.Add(time.Hour)); len(got) != 1 || len(r.kept) != 1 {
		t.Errorf("an hour later %d samples of %d containers are remembered", len(got), len(r.kept))
	}
	for n := range recentContainers + 50 {
		if got := r.with(at("web-"+string(rune('a'+n%26))+time.Duration(n).String(), time.Hour), noon.Add(time.Hour)); len(got) != 1 {
			t.Fatalf("a container's own sample is missing: %v", got)
		}
	}
	if len(r.kept) > recentContainers {
		t.Errorf("%d containers are remembered", len(r.kept))
	}
}
