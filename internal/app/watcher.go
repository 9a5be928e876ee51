package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/doctor"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/llm"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/respond"
	"github.com/countersign-dev/countersign/internal/triage"
	"github.com/countersign-dev/countersign/internal/watch"
)

// startWatcher makes the watcher's parts and starts them in group.
func startWatcher(ctx context.Context, group *errgroup.Group, s Settings, st storage, rules incident.Rules, redactor *redact.Redactor, ready *readiness, log *slog.Logger) error {
	conn, err := connection("WATCHER", s.WatcherConfig, s)
	if err != nil {
		return err
	}
	reader, err := newReader(conn, redactor, false)
	if err != nil {
		return err
	}
	w, err := watch.New(watch.Config{
		Client: reader.client, Metadata: reader.metadata, Namespaces: s.Namespaces(), Redactor: redactor, Log: log,
	})
	if err != nil {
		return err
	}
	if err := w.Check(ctx); err != nil {
		return fmt.Errorf("WATCHER_KUBECONFIG, KUBECONFIG: %w", err)
	}
	learned, err := newLearner(st, log)
	if err != nil {
		return err
	}
	group.Go(func() error { return learned.run(ctx) })
	effects := &respond.WatcherEffects{Collector: reader, Confidence: learned.rule, Weigh: learned.weigh, Rules: rules, Redactor: redactor}
	if rules.Model {
		explainer, err := llm.New(ctx, s.model(redactor, log))
		if err != nil {
			return err
		}
		effects.Explainer = explainer
		effects.Ask = func(subject action.Ref) llm.Collector { return reader.Case(subject) }
	}
	if s.electing() {
		log.Info("waiting for the lease", "lease", watcherLease)
		_, hold, err := lead(ctx, reader.client, s.Namespace, watcherLease)
		if err != nil {
			return err
		}
		group.Go(hold)
	}
	responder := respond.New(respond.Config{
		Role: incident.Watcher, Store: st, Effects: effects, Rules: rules, Now: time.Now, Log: log,
	})
	effects.Announce = func(ctx context.Context, id incident.ID, b incident.Body) error { return responder.Append(ctx, id, b) }
	intake := respond.SignalConfig{
		Cluster: s.ClusterName, Scope: triage.Scope{Namespaces: s.Namespaces()}, Quiet: rules.Timing.Quiet,
	}
	if s.remediates() {
		reading, err := doctor.NewReading(conn, s.Wall(s.Instance), log)
		if err != nil {
			return err
		}
		group.Go(func() error { reading.Run(ctx); return nil })
		ready.add("rights", reading.Excess)
	}
	group.Go(func() error { return w.Run(ctx) })
	group.Go(func() error { return responder.Run(ctx) })
	group.Go(func() error { responder.TakeSignals(ctx, intake, w.Signals()); return nil })
	ready.add("watch", func() error {
		if !w.Synced() {
			return errors.New("the first lists are not complete")
		}
		return nil
	})
	return nil
}

// reader is the watcher's live view: the collector, and the bound hash of a
// target whose Job was lost.
type reader struct {
	*watch.Collector
	client   kubernetes.Interface
	metadata metadata.Interface
	dynamic  dynamic.Interface
}

// newReader connects for reading. secrets asks for the metadata of Secrets,
// which only a person's own rights allow.
func newReader(conn *rest.Config, redactor *redact.Redactor, secrets bool) (*reader, error) {
	conn = watch.Tune(conn)
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	meta, err := metadata.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	metrics, err := metricsclient.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	dyn, err := dynamic.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	collector, err := watch.NewCollector(watch.CollectorConfig{
		Client: client, Metadata: meta, Metrics: metrics, Redactor: redactor, Secrets: secrets,
	})
	if err != nil {
		return nil, err
	}
	return &reader{Collector: collector, client: client, metadata: meta, dynamic: dyn}, nil
}

// Bound is the bound hash of the live target; empty when it is gone or another
// object of the same name.
func (r *reader) Bound(ctx context.Context, kind action.Kind, target action.Ref) (action.Hash, error) {
	entry, ok := action.Lookup(kind)
	if !ok {
		return "", fmt.Errorf("action kind %q does not exist", kind)
	}
	gv, err := schema.ParseGroupVersion(target.APIVersion)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", target, err)
	}
	var live *unstructured.Unstructured
	live, err = r.dynamic.Resource(gv.WithResource(entry.Resource)).Namespace(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{})
	switch {
	case err != nil:
		return "", fmt.Errorf("read %s: %w", target, err)
	case string(live.GetUID()) != target.UID:
		return "", nil
	}
	return action.BoundHash(kind, live.Object)
}
