package diagnose

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// capturedUsage is one sample of what a container used.
type capturedUsage struct {
	Pod       string    `json:"pod"`
	Container string    `json:"container"`
	CPUMilli  int64     `json:"cpuMilli"`
	Memory    int64     `json:"memory"`
	At        time.Time `json:"at"`
	Window    string    `json:"window"`
}

func (u capturedUsage) usage(namespace string) kube.Usage {
	window, _ := time.ParseDuration(u.Window)
	return kube.Usage{
		Pod: kube.Key("Pod", namespace, u.Pod), Container: u.Container, CPUMilli: u.CPUMilli, Memory: u.Memory, At: u.At, Window: window,
	}
}

// sampled holds what the metrics API has said of a live case so far, as the
// product's collector remembers it.
var sampled = struct {
	sync.Mutex
	by map[string][]capturedUsage
}{by: map[string][]capturedUsage{}}

// keptSamples are those that the collector keeps of each container.
const keptSamples = 8

// sampleUsage asks the metrics API until the case is over. A cluster without it
// has no samples.
func (l live) sampleUsage(ctx context.Context, t *testing.T) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			raw, err := l.clients.RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/namespaces", l.namespace, "pods").DoRaw(ctx)
			var list v1beta1.PodMetricsList
			if err == nil && json.Unmarshal(raw, &list) == nil {
				l.remember(list.Items)
			}
			pause(ctx, 5*time.Second)
		}
	}()
}

func (l live) remember(pods []v1beta1.PodMetrics) {
	sampled.Lock()
	defer sampled.Unlock()
	all := sampled.by[l.namespace]
	for i := range pods {
		p := &pods[i]
		for j := range p.Containers {
			c := &p.Containers[j]
			known := func(u capturedUsage) bool {
				return u.Pod == p.Name && u.Container == c.Name && u.At.Equal(p.Timestamp.Time)
			}
			if !slices.ContainsFunc(all, known) {
				all = append(all, capturedUsage{Pod: p.Name, Container: c.Name, CPUMilli: (c.Usage.Cpu().ScaledValue(resource.Nano) + 500_000) / 1_000_000,
					Memory: c.Usage.Memory().Value(), At: p.Timestamp.UTC(), Window: p.Window.Duration.String()})
			}
		}
	}
	sampled.by[l.namespace] = all
}

// keepUsage puts the last samples of each container into a capture.
func (l live) keepUsage(c *capture) {
	sampled.Lock()
	defer sampled.Unlock()
	count := map[string]int{}
	for _, u := range slices.Backward(sampled.by[l.namespace]) {
		if k := u.Pod + "/" + u.Container; count[k] < keptSamples {
			count[k]++
			c.Usage = append(c.Usage, u)
		}
	}
	slices.Reverse(c.Usage)
}
