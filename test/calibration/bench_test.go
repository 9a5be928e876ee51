package calibration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/clientcmd"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"

	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/watch"
)

// bench runs trials on a cluster.
type bench struct {
	client kubernetes.Interface
	// collectors look in turn: as the in-cluster role, which may not ask about
	// Secrets, and as a person's scan.
	collectors []*watch.Collector
}

func connect(t *testing.T, kubeconfig string) *bench {
	t.Helper()
	conn, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	conn = watch.Tune(conn)
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := metadata.NewForConfig(conn)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := metricsclient.NewForConfig(conn)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{client: client}
	for _, secrets := range []bool{false, true} {
		c, err := watch.NewCollector(watch.CollectorConfig{
			Client: client, Metadata: meta, Metrics: metrics, Redactor: redact.New(redact.Config{}), Secrets: secrets,
		})
		if err != nil {
			t.Fatal(err)
		}
		b.collectors = append(b.collectors, c)
	}
	return b
}

const (
	label = "calibration" // names the trial on its pods
	// showsWithin bounds how long a fault may take to show on a busy machine.
	showsWithin = 4 * time.Minute
	poll        = 500 * time.Millisecond
)

// run deploys a batch in a namespace of its own, looks at each trial once its
// state stands, and deletes the namespace.
func (b *bench) run(ctx context.Context, batch batch) (outcomes []outcome, err error) {
	made, err := b.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "calibration-" + batch.Name + "-"},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("make a namespace for %s: %w", batch.Name, err)
	}
	ns := made.Name
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, b.remove(ctx, ns))
	}()
	if err := b.await(ctx, func(ctx context.Context) (bool, error) {
		_, err := b.client.CoreV1().ServiceAccounts(ns).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, ignoreNotFound(err)
	}); err != nil {
		return nil, fmt.Errorf("wait for the ServiceAccount of %s: %w", ns, err)
	}
	if err := b.deploy(ctx, ns, batch.Trials); err != nil {
		return nil, err
	}
	return b.measure(ctx, ns, batch)
}

// remove deletes the namespace and waits until its pods are gone: the next batch
// needs their room.
func (b *bench) remove(ctx context.Context, ns string) error {
	if err := b.client.CoreV1().Namespaces().Delete(ctx, ns, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete namespace %s: %w", ns, err)
	}
	return b.await(ctx, func(ctx context.Context) (bool, error) {
		pods, err := b.client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{Limit: 1})
		return err == nil && len(pods.Items) == 0, err
	})
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (b *bench) await(ctx context.Context, done wait.ConditionWithContextFunc) error {
	return wait.PollUntilContextTimeout(ctx, poll, showsWithin, true, done)
}

// measure judges each trial as soon as its state stands.
func (b *bench) measure(ctx context.Context, ns string, batch batch) ([]outcome, error) {
	outcomes := make([]outcome, len(batch.Trials))
	judged := make([]bool, len(batch.Trials))
	var eg errgroup.Group
	err := b.await(ctx, func(polling context.Context) (bool, error) { // polling ends before the looks do
		pods, events, err := b.read(polling, ns)
		if err != nil {
			return false, err
		}
		for i, tr := range batch.Trials {
			if judged[i] || !tr.Shows.stands(pods[tr.Name], events, int(tr.Replicas), time.Now()) {
				continue
			}
			judged[i] = true
			eg.Go(func() (err error) {
				outcomes[i], err = b.judge(ctx, ns, batch.Name, tr)
				return err
			})
		}
		return !slices.Contains(judged, false), nil
	})
	err = errors.Join(err, eg.Wait())
	var never []string
	var told []outcome
	for i, tr := range batch.Trials {
		if judged[i] {
			told = append(told, outcomes[i])
		} else {
			never = append(never, fmt.Sprintf("%s (%s)", tr.Name, tr.Shows))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("batch %s: %w; states that never stood: %s", batch.Name, err, strings.Join(never, ", "))
	}
	return told, nil
}

func (b *bench) read(ctx context.Context, ns string) (map[string][]corev1.Pod, []corev1.Event, error) {
	list, err := b.client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, err
	}
	events, err := b.client.CoreV1().Events(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, err
	}
	pods := map[string][]corev1.Pod{}
	for _, p := range list.Items {
		pods[p.Labels[label]] = append(pods[p.Labels[label]], p)
	}
	return pods, events.Items, nil
}

const (
	steadyLooks = 4 // that must be right, one after the other
	silence     = 30 * time.Second
	between     = 3 * time.Second
)

// judge looks until the answer has been right steadyLooks times. A wrong answer
// counts at once; no answer counts when it has lasted.
func (b *bench) judge(ctx context.Context, ns, batch string, tr trial) (o outcome, err error) {
	deadline, rights := time.Now().Add(silence), 0
	for looks := 1; ; looks++ {
		for _, collector := range b.collectors {
			ref, err := collector.Resolve(ctx, tr.Kind, ns, tr.Name)
			if err != nil {
				return o, err
			}
			snapshot, err := collector.Subject(ctx, ref)
			if err != nil {
				return o, err
			}
			o = score(batch, tr, diagnose.Diagnose(snapshot, ref, diagnose.Options{Now: time.Now()}))
			o.looks, o.unread = looks, unread(snapshot)
			switch {
			case o.right():
				rights++
			case o.rule != "":
				return o, nil
			default:
				rights = 0
			}
		}
		if rights >= steadyLooks || time.Now().After(deadline) {
			return o, nil
		}
		select {
		case <-ctx.Done():
			return o, ctx.Err()
		case <-time.After(between):
		}
	}
}

// unread says what a look could not read: a rule is blind there.
func unread(s *kube.Snapshot) string {
	var parts []string
	for _, u := range s.Unreadable {
		parts = append(parts, u.String())
	}
	for _, l := range s.Logs {
		if !l.Err.IsEmpty() {
			parts = append(parts, fmt.Sprintf("log of %s/%s: %s", l.Pod.Name, l.Container, l.Err))
		}
	}
	return strings.Join(parts, "; ")
}
