package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/admission"
)

// Reading proves that the watcher's account only reads: it tries, as dry runs
// with that account, what must be refused to it, at the start and every 10
// minutes.
type Reading struct {
	client kubernetes.Interface
	wall   admission.Config
	log    *slog.Logger

	mu     sync.Mutex
	excess error
}

// NewReading sends nothing before Run.
func NewReading(conn *rest.Config, wall admission.Config, log *slog.Logger) (*Reading, error) {
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("connect as the watcher: %w", err)
	}
	return &Reading{client: client, wall: wall, log: log}, nil
}

// Excess is what the account may do beyond reading, as an error; nil while
// nothing of it is known.
func (r *Reading) Excess() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.excess
}

// Run tries until ctx ends.
func (r *Reading) Run(ctx context.Context) {
	for {
		pause := pace
		if told := r.once(ctx); !told {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// once makes all tries; told is false where one of them got no answer.
func (r *Reading) once(ctx context.Context) (told bool) {
	told = true
	var excess []error
	for _, try := range r.tries() {
		switch err := try.send(ctx); {
		case refusedByRights(err):
		case err == nil || definite(err):
			excess = append(excess, fmt.Errorf("the watcher's account may %s", try.what))
		default:
			told = false
		}
	}
	now := errors.Join(excess...)
	if told || now != nil {
		r.mu.Lock()
		r.excess = now
		r.mu.Unlock()
	}
	if now != nil {
		r.log.Error("the watcher can do more than read; take the right away (countersign doctor names the rule)", "err", now)
	}
	return told
}

// refusedByRights reports whether the account had no right to ask. What an
// admission policy refuses is forbidden as well, and had it; only the text tells
// them apart.
func refusedByRights(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), `" cannot `) && strings.Contains(err.Error(), ` resource "`)
}

// attempt is one thing that must be refused.
type attempt struct {
	what string
	send func(ctx context.Context) error
}

func (r *Reading) tries() []attempt {
	named := metav1.ObjectMeta{Name: "countersign-probe"}
	own, executors := r.wall.Namespace, r.wall.ExecutorNamespace
	return []attempt{
		{"create Jobs in " + executors, func(ctx context.Context) error {
			_, err := r.client.BatchV1().Jobs(executors).Create(ctx, &batchv1.Job{ObjectMeta: named}, dryRun())
			return err
		}},
		{"create ConfigMaps in " + own, func(ctx context.Context) error {
			_, err := r.client.CoreV1().ConfigMaps(own).Create(ctx, &corev1.ConfigMap{ObjectMeta: named}, dryRun())
			return err
		}},
		{"create Pods in " + own, func(ctx context.Context) error {
			_, err := r.client.CoreV1().Pods(own).Create(ctx, &corev1.Pod{ObjectMeta: named}, dryRun())
			return err
		}},
		{"create Deployments in " + own, func(ctx context.Context) error {
			_, err := r.client.AppsV1().Deployments(own).Create(ctx, &appsv1.Deployment{ObjectMeta: named}, dryRun())
			return err
		}},
		{"read Secrets in " + own, func(ctx context.Context) error {
			_, err := r.client.CoreV1().Secrets(own).Get(ctx, named.Name, metav1.GetOptions{})
			return err
		}},
	}
}
