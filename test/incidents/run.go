package incidents

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Options of a run.
type Options struct {
	Neutral   bool // names say nothing
	StormPods int  // how many pods the storm has; as many as the node takes, up to its file's, if 0
}

// Run plays one scenario in a namespace of its own, scores it and takes
// everything away, whatever happened.
func (b *Bench) Run(ctx context.Context, name, text string, opts Options) (o Outcome, err error) {
	start := time.Now()
	defer func() { o.Took = time.Since(start) }()
	s, err := Parse(name, text, map[string]string{namespacePlace: "incidents-unplayed"}, 1)
	if err != nil {
		return Outcome{Scenario: name}, err
	}
	r := &run{Bench: b, s: s}
	if r.ns, err = b.makeNamespace(ctx); err != nil {
		return failed(s, err), err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer cancel()
		err = errors.Join(err, r.clear(ctx))
	}()
	values := map[string]string{namespacePlace: r.ns}
	if s.Webhook {
		d, err := newDenier(b.host)
		if err != nil {
			return failed(s, err), err
		}
		defer d.Close()
		values["${WEBHOOK_URL}"], values["${WEBHOOK_CA}"] = d.url, d.ca
	}
	repeat, err := b.repeat(ctx, s, opts.StormPods)
	if err != nil {
		return failed(s, err), err
	}
	if r.s, err = Parse(name, text, values, repeat); err != nil {
		return failed(s, err), err
	}
	if opts.Neutral {
		Neutral(r.s, r.ns)
	}
	if strings.Contains(text, "\nkind: Node\n") {
		r.nodes = &nodes{bench: b, state: map[string]string{}}
		living, die := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() { r.nodes.live(living); close(ended) }()
		defer func() { die(); <-ended }()
	}
	if err := r.play(ctx); err != nil {
		o := failed(r.s, err)
		o.Got = r.ask(ctx, "scan", "-n", r.ns).Findings
		return o, nil
	}
	looks := r.observe(ctx)
	o = score(r.s, looks, r.about(ctx, r.s.Ask))
	o.Copies = repeat
	o.scoreAbsent(r.s.Absent, r.about(ctx, r.s.Absent))
	return o, nil
}

// spareRoom is left to whoever else uses the node.
const spareRoom = 12

// repeat is how many copies a storm makes: those that the node has room for,
// unless the caller knows better.
func (b *Bench) repeat(ctx context.Context, s *Scenario, pods int) (int, error) {
	if s.Repeat == 0 {
		return 0, nil
	}
	each := 0
	for _, m := range s.Manifests { // parsed with one copy
		if n, ok := replicas(m.Object); ok && strings.HasSuffix(m.GetName(), "-1") {
			each += n
		}
	}
	if each == 0 {
		return 0, fmt.Errorf("%s: no document with replicas is named …-%s", s.Name, numberPlace)
	}
	if pods > 0 {
		return max(pods/each, 1), nil
	}
	list, err := b.kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, fmt.Errorf("list nodes: %w", err)
	}
	room := int64(0)
	for _, n := range list.Items {
		room += n.Status.Allocatable.Pods().Value()
	}
	all, err := b.kube.CoreV1().Pods(corev1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, fmt.Errorf("list pods: %w", err)
	}
	return max(min(s.Repeat, (int(room)-len(all.Items)-spareRoom)/each), 1), nil
}

func replicas(o map[string]any) (int, bool) {
	spec, _ := o["spec"].(map[string]any)
	switch n := spec["replicas"].(type) {
	case float64:
		return int(n), true
	case int64:
		return int(n), true
	}
	return 0, false
}
