package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// NoMetricsError says why there is no answer about usage, and what to do.
type NoMetricsError struct {
	Why string
	err error
}

func (e *NoMetricsError) Error() string { return e.Why }

func (e *NoMetricsError) Unwrap() error { return e.err }

// Sizing reads what a judgement about sizes rests on: pods, workloads,
// autoscalers, claims, and a first sample of usage. None means all namespaces.
// Without pods or without the metrics API there is nothing to say, so that
// either is an error.
func (c *Collector) Sizing(ctx context.Context, namespaces []string) (*kube.Snapshot, error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	g := c.gather()
	podErrs := make([]error, len(namespaces))
	var usageErr error
	for i, ns := range namespaces {
		g.do(func() { podErrs[i] = g.pods(ctx, ns, "") })
		g.workloads(ctx, ns)
		g.namespace(ctx, ns)
		core, scaling := g.c.cfg.Client.CoreV1(), g.c.cfg.Client.AutoscalingV2()
		listInto(ctx, g, "PersistentVolumeClaim", core.PersistentVolumeClaims(ns).List, metav1.ListOptions{},
			func(l *corev1.PersistentVolumeClaimList) []corev1.PersistentVolumeClaim { return l.Items },
			func(s *kube.Snapshot) *[]*corev1.PersistentVolumeClaim { return &s.Claims })
		listInto(ctx, g, "HorizontalPodAutoscaler", scaling.HorizontalPodAutoscalers(ns).List, metav1.ListOptions{},
			func(l *autoscalingv2.HorizontalPodAutoscalerList) []autoscalingv2.HorizontalPodAutoscaler {
				return l.Items
			},
			func(s *kube.Snapshot) *[]*autoscalingv2.HorizontalPodAutoscaler { return &s.Autoscalers })
	}
	var samples []kube.Usage
	g.do(func() { samples, usageErr = c.Usage(ctx, namespaces) })
	g.wait()
	for i, err := range podErrs {
		if err != nil {
			return nil, fmt.Errorf("list pods in namespace %q: %w", namespaces[i], err)
		}
	}
	g.snap.Usage = samples
	if usageErr != nil {
		return nil, usageErr
	}
	return g.snap, ctx.Err()
}

// Usage is the newest sample of every container in the namespaces; none means
// all. Containers that started within the last minute may have none yet. An
// error that is the metrics API's is a NoMetricsError.
func (c *Collector) Usage(ctx context.Context, namespaces []string) ([]kube.Usage, error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	out := []kube.Usage{}
	for _, ns := range namespaces {
		got, err := c.usage(ctx, ns, "")
		if err != nil {
			return nil, noMetrics(err)
		}
		out = append(out, got...)
	}
	return out, nil
}

// noMetrics puts an error of the metrics API into words that name the remedy.
func noMetrics(err error) error {
	why := "the metrics API (metrics.k8s.io) could not be read: " + clip(err.Error())
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case apierrors.IsNotFound(err):
		why = "this cluster serves no metrics API (metrics.k8s.io), so that nothing is known about usage: install metrics-server"
	case apierrors.IsServiceUnavailable(err):
		why = "the metrics API (metrics.k8s.io) does not answer: look at what serves it (kubectl get apiservice v1beta1.metrics.k8s.io), mostly Deployment metrics-server in kube-system"
	case apierrors.IsForbidden(err):
		why = "this account may not list pods in metrics.k8s.io: allow get and list on them (kubectl auth can-i list pods.metrics.k8s.io)"
	}
	return &NoMetricsError{Why: why, err: err}
}

// usage reads one sample of each container. What is no sound figure is left out.
func (c *Collector) usage(ctx context.Context, ns, selector string) ([]kube.Usage, error) {
	if c.cfg.Metrics == nil {
		return nil, &NoMetricsError{Why: "nothing was set up to read the metrics API (metrics.k8s.io)"}
	}
	list, err := c.cfg.Metrics.MetricsV1beta1().PodMetricses(ns).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	out := []kube.Usage{}
	for i := range list.Items {
		out = append(out, podUsage(&list.Items[i])...)
	}
	return out, nil
}

// longWindow bounds what one sample may span.
const longWindow = time.Hour

func podUsage(p *metricsv1beta1.PodMetrics) []kube.Usage {
	var out []kube.Usage
	if p.Window.Duration < 0 || p.Window.Duration > longWindow {
		return nil
	}
	for j := range p.Containers {
		c := &p.Containers[j]
		if !sound(c.Usage.Cpu(), "1M") || !sound(c.Usage.Memory(), "1Ei") {
			continue
		}
		out = append(out, kube.Usage{
			Pod: kube.Key("Pod", p.Namespace, p.Name), Container: c.Name,
			CPUMilli: (c.Usage.Cpu().ScaledValue(resource.Nano) + 500_000) / 1_000_000, // to the nearest: a limit may be some ten
			Memory:   c.Usage.Memory().Value(),
			At:       p.Timestamp.UTC(), Window: p.Window.Duration,
		})
	}
	return out
}

// sound reports a figure that a machine may have. Beyond 64 bits a quantity
// answers 0 when it is asked for a number.
func sound(q *resource.Quantity, most string) bool {
	return q.Sign() >= 0 && q.Cmp(resource.MustParse(most)) < 0
}

// usageLately adds what the containers of the snapshot's pods use, now and at
// the looks before. A cluster without the metrics API is normal, so that nothing
// is said then, and absence proves nothing.
func (g *gather) usageLately(ctx context.Context, ns, selector string) {
	if ns == "" {
		return
	}
	now, err := g.c.usage(ctx, ns, selector)
	if err != nil {
		return
	}
	mine := map[string]bool{}
	g.add(func(s *kube.Snapshot) {
		for _, p := range s.Pods {
			mine[p.Namespace+"/"+p.Name] = true
		}
	})
	now = slices.DeleteFunc(now, func(u kube.Usage) bool { return !mine[u.Pod.Namespace+"/"+u.Pod.Name] })
	all := g.c.recent.with(now, g.snap.Taken)
	g.add(func(s *kube.Snapshot) { s.Usage = append(s.Usage, all...) })
}

// usageNow adds one sample, for a look at a whole namespace.
func (g *gather) usageNow(ctx context.Context, ns string) {
	if now, err := g.c.usage(ctx, ns, ""); err == nil {
		g.add(func(s *kube.Snapshot) { s.Usage = append(s.Usage, now...) })
	}
}
