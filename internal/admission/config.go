package admission

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"

	"github.com/countersign-dev/countersign/internal/action"
)

// Names that others rely on.
const (
	IncidentLabel = "countersign.dev/incident"
	prefix        = "countersign-"
)

// Config says what one installation may do and where. Use Default; the zero
// value is refused.
type Config struct {
	// Instance is part of the names of cluster-scoped objects where one cluster
	// carries several installations; empty in an ordinary one.
	Instance string
	// Namespace is the roles' own, ExecutorNamespace holds execution Jobs alone.
	Namespace, ExecutorNamespace string
	// WatchNamespaces are where the watcher reads and executors act, unless
	// AllNamespaces is set. They must exist before Install.
	WatchNamespaces []string
	AllNamespaces   bool
	// Protected namespaces are never touched by an executor. Countersign's own
	// two are added by ProtectedNamespaces.
	Protected []string
	// Kinds are the actions that may be carried out. Remediate false (mode off)
	// installs neither executor accounts nor the gate's right to create Jobs;
	// the policies are installed all the same.
	Kinds     []action.Kind
	Remediate bool
	// Watcher and Gate name the roles' ServiceAccounts and Leases.
	Watcher, Gate string
	// APIServer is where the API server answers, for the NetworkPolicies:
	// ADDRESS:PORT or CIDR:PORT, with an IPv6 address in brackets. Install fills
	// it in where it is empty; without it an executor may reach nothing.
	APIServer []string
}

// Default is the installation of the chart's defaults with every kind of the
// catalogue; it watches no namespace yet.
func Default() Config {
	c := Config{
		Namespace: "countersign", ExecutorNamespace: "countersign-exec",
		Protected: []string{"kube-system", "kube-public", "kube-node-lease", "gatekeeper-system"},
		Remediate: true, Watcher: prefix + "watcher", Gate: prefix + "gate",
	}
	for _, e := range action.Catalogue() {
		c.Kinds = append(c.Kinds, e.Kind)
	}
	return c
}

// ProtectedNamespaces is the one list that CEL, Rego and the executor's
// arguments share, sorted.
func (c Config) ProtectedNamespaces() []string {
	all := append(slices.Clone(c.Protected), c.Namespace, c.ExecutorNamespace)
	sort.Strings(all)
	return slices.Compact(all)
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (c Config) check() error {
	named := map[string]string{
		"namespace": c.Namespace, "executor namespace": c.ExecutorNamespace, "namespace for probes": c.ProbeNamespace(),
		"watcher account": c.Watcher, "gate account": c.Gate,
	}
	for what, name := range named {
		if !dnsLabel.MatchString(name) {
			return fmt.Errorf("%s %q is not a DNS-1123 label", what, name)
		}
	}
	for _, n := range append(slices.Clone(c.WatchNamespaces), c.Protected...) {
		if !dnsLabel.MatchString(n) {
			return fmt.Errorf("namespace %q is not a DNS-1123 label", n)
		}
	}
	if c.Instance != "" && !dnsLabel.MatchString(c.Instance) {
		return fmt.Errorf("instance %q is not a DNS-1123 label", c.Instance)
	}
	for _, at := range c.APIServer {
		if _, err := parsePeer(at); err != nil {
			return err
		}
	}
	switch {
	case c.Namespace == c.ExecutorNamespace:
		return errors.New("the executor namespace must be a namespace of its own")
	case slices.Contains(c.ProtectedNamespaces(), c.ProbeNamespace()) || slices.Contains(c.WatchNamespaces, c.ProbeNamespace()):
		return fmt.Errorf("namespace %s is for probes: it is neither protected nor watched", c.ProbeNamespace())
	case c.Watcher == c.Gate:
		return errors.New("watcher and gate must be two accounts")
	case len(c.Kinds) == 0:
		return errors.New("no action kind is enabled")
	}
	for _, n := range c.WatchNamespaces {
		if slices.Contains(c.ProtectedNamespaces(), n) && c.Remediate {
			return fmt.Errorf("namespace %s is protected; executors cannot be bound in it", n)
		}
	}
	for _, k := range c.Kinds {
		if _, ok := ruleOf(k); !ok {
			return fmt.Errorf("action kind %q has no admission rule", k)
		}
	}
	return nil
}

// name makes the name of a cluster-scoped object.
func (c Config) name(what string) string {
	if c.Instance == "" {
		return prefix + what
	}
	return prefix + c.Instance + "-" + what
}

// GatePolicy names the policy on the gate and, alike, its binding.
func (c Config) GatePolicy() string { return c.name("gate-job") }

// NamespacePolicy names the policy that closes the executor namespace.
func (c Config) NamespacePolicy() string { return c.name("executor-namespace") }

// ExecutorPolicy names the policy on the account of a kind.
func (c Config) ExecutorPolicy(k action.Kind) string { return c.name(string(k)) }

// PolicyNames lists all policies of the installation; bindings have the same
// names. The gate watches them.
func (c Config) PolicyNames() []string {
	names := []string{c.GatePolicy(), c.NamespacePolicy(), c.ProbePolicy()}
	for _, k := range c.kinds() {
		names = append(names, c.ExecutorPolicy(k))
	}
	return names
}

func (c Config) kinds() []action.Kind {
	sorted := slices.Clone(c.Kinds)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// GateUser is the gate's account as the API server names it.
func (c Config) GateUser() string { return userName(c.Namespace, c.Gate) }

// WatcherUser is the watcher's account as the API server names it.
func (c Config) WatcherUser() string { return userName(c.Namespace, c.Watcher) }

// ExecutorUser is the account of a kind as the API server names it.
func (c Config) ExecutorUser(k action.Kind) string { return userName(c.ExecutorNamespace, string(k)) }

func userName(namespace, account string) string {
	return "system:serviceaccount:" + namespace + ":" + account
}
