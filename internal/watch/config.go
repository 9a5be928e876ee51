package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/redact"
)

// Config is what a Watcher needs. Client, Metadata, Redactor and Log are
// required.
type Config struct {
	Client   kubernetes.Interface
	Metadata metadata.Interface
	// Namespaces limits the watch; empty means all of them.
	Namespaces []string
	// Selector limits the watch to pods, Deployments and Jobs with these labels.
	Selector string
	Redactor *redact.Redactor
	Log      *slog.Logger
	// Retell is how often a fault that stands unchanged is told again, so that
	// a reader who let go of it too early gets it back; 0 means 10 minutes.
	Retell time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

const defaultRetell = 10 * time.Minute

func (c *Config) check() error {
	switch {
	case c.Client == nil || c.Metadata == nil:
		return errors.New("watch: the API clients are missing")
	case c.Redactor == nil:
		return errors.New("watch: the redactor is missing")
	case c.Log == nil:
		return errors.New("watch: the logger is missing")
	}
	if _, err := labels.Parse(c.Selector); err != nil {
		return fmt.Errorf("watch: label selector %q: %w", c.Selector, err)
	}
	return nil
}

// scopes are the namespaces to open watches in; one empty name means all.
func (c *Config) scopes() []string {
	if len(c.Namespaces) == 0 {
		return []string{metav1.NamespaceAll}
	}
	list := slices.Clone(c.Namespaces)
	slices.Sort(list)
	return slices.Compact(list)
}

// Tune returns a copy of cfg for reading much: protobuf where the server has
// it, and a rate that does not throttle a burst of collections. The server's
// own priority and fairness is what protects it.
func Tune(cfg *rest.Config) *rest.Config {
	c := rest.CopyConfig(cfg)
	c.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	c.ContentType = runtime.ContentTypeProtobuf
	c.QPS, c.Burst = 200, 400
	return c
}

// checkTimeout bounds Check for one kind of object.
const checkTimeout = 10 * time.Second

// Check tries every read that Run depends on, once, and says in one sentence
// what is missing and what to do. Run itself never gives up.
func (w *Watcher) Check(ctx context.Context) error {
	for _, s := range w.sources {
		if err := s.try(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err := s.api.ListWithContextFunc(ctx, metav1.ListOptions{Limit: 1})
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err) && s.optional:
		s.log.Warn("nodes cannot be watched with this account; faults of nodes will be missed", "remedy", s.remedy())
		return nil
	case apierrors.IsForbidden(err):
		return fmt.Errorf("this account may not list %s: %s: %w", s.name, s.remedy(), err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server does not accept this account's credentials; renew the kubeconfig or the ServiceAccount token: %w", err)
	}
	return fmt.Errorf("the API server does not answer (listing %s); check the kubeconfig, its context and the network: %w", s.name, err)
}

func (s *source) remedy() string {
	return "grant get, list and watch on " + s.resource + ", or narrow WATCH_NAMESPACES to what it may read"
}
