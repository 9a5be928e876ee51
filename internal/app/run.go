package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/respond"
	"github.com/countersign-dev/countersign/internal/store"
)

// Roles that one process plays.
type Roles struct{ Watcher, Gate bool }

// storage is what both stores offer.
type storage interface {
	respond.Store
	audit.Log
}

// stack is the clean-up of Run: last in, first out.
type stack []func()

func (s *stack) push(f func()) { *s = append(*s, f) }

func (s *stack) unwind() {
	for n := len(*s) - 1; n >= 0; n-- {
		(*s)[n]()
	}
}

// gcPercent keeps less garbage beside what is known of the pods of a large
// cluster; it costs a few percent of one processor. GOGC wins over it.
const gcPercent = 50

// Run plays the roles until ctx ends. Everything that can be wrong with the
// settings is found before anything is started.
func Run(ctx context.Context, s Settings, roles Roles, log *slog.Logger) error {
	if was := debug.SetGCPercent(gcPercent); was != 100 {
		debug.SetGCPercent(was) // the environment has GOGC
	}
	var cleanup stack
	defer cleanup.unwind()
	redactor, err := s.Redactor()
	if err != nil {
		return err
	}
	if s.RedactionKeyFile == "" && s.RedisURL != "" {
		log.Warn("no REDACTION_KEY_FILE: replicas and restarts give the same hidden value different placeholders")
	}
	st, err := openStore(ctx, s, &cleanup)
	if err != nil {
		return err
	}
	rules := incident.Rules{Timing: s.Timing(), Model: s.AIAPIKey != "" && s.AIProvider != "none", Mode: s.Mode}
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	// Also where the second role does not start: the first is over before the
	// store is closed beneath it.
	cleanup.push(func() {
		cancel()
		_ = group.Wait()
	})

	if roles.Watcher && roles.Gate {
		log.Warn("both roles share this process: the walls between reading the cluster, holding Slack's tokens and signing orders are accounts of the API server only")
	}
	ready := &readiness{}
	if roles.Gate {
		if err := startGate(ctx, group, s, st, rules, redactor, ready, log.With("role", "gate")); err != nil {
			return err
		}
	}
	if roles.Watcher {
		if err := startWatcher(ctx, group, s, st, rules, redactor, ready, log.With("role", "watcher")); err != nil {
			return err
		}
	}
	if err := serveHealth(ctx, group, s, ready); err != nil {
		return err
	}
	log.Info("running", "cluster", s.ClusterName, "mode", s.RemediationMode, "namespaces", s.WatchNamespaces, "model", rules.Model)
	err = group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func openStore(ctx context.Context, s Settings, cleanup *stack) (storage, error) {
	if s.RedisURL == "" {
		f, err := store.OpenFile(s.StorePath, time.Now)
		if err != nil {
			return nil, fmt.Errorf("STORE_PATH: %w", err)
		}
		cleanup.push(func() { f.Close() })
		return f, nil
	}
	options, err := redis.ParseURL(s.RedisURL)
	if err != nil {
		return nil, errors.New("REDIS_URL: not a redis:// or rediss:// address")
	}
	logging.Disable() // every failed dial would be a line; what matters reaches us as errors
	client := redis.NewClient(options)
	cleanup.push(func() { client.Close() })
	r := store.NewRedis(client, s.ClusterName)
	if err := r.Ping(ctx); err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return r, nil
}

// connection is a role's own way to the API server: its kubeconfig where one is
// named, else the common one, else the pod's account.
func connection(role, path string, s Settings) (*rest.Config, error) {
	if path == "" {
		path = s.Kubeconfig
	}
	if path == "" {
		if cfg, err := rest.InClusterConfig(); err == nil {
			return unthrottled(cfg), nil
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if path != "" {
		rules.ExplicitPath = path
	}
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("no way to the API server for the %s (set KUBECONFIG, or %s_KUBECONFIG): %w", role, role, err)
	}
	return unthrottled(cfg), nil
}

// unthrottled lifts client-go's default of 5 requests a second, which would let
// approvals queue in a storm. The server's own priority and fairness is what
// protects it.
func unthrottled(cfg *rest.Config) *rest.Config {
	cfg.QPS, cfg.Burst = 200, 400
	return cfg
}
