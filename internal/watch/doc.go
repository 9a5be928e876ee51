// Package watch looks at a cluster and changes nothing in it.
//
// A Watcher turns what informers see into Signals: one per object and symptom,
// again when the class of the symptom changes, never because its wording does.
// It keeps a few hundred bytes of a healthy pod and the status of an unhealthy
// one. Signals are coalesced, so that a slow reader loses nothing but
// intermediate states; after a restart, and every ten minutes, each fault that
// still stands is told again.
//
// A Collector reads live, about one workload or a whole namespace, and fills a
// kube.Snapshot. Free text is redacted as it is read; Secret values are never
// asked for. It works with any account: what it may not read is said in the
// snapshot and proves nothing.
//
// The package does not judge causes (diagnose does) and does not decide what
// becomes an incident (triage does).
package watch
