// Package kube is the cluster as one look sees it, and the graph of who owns
// whom.
//
// A Snapshot is filled by whoever reads the cluster (informers, live reads, a
// fixture of a test) and is read only from then on. Free text in it is redacted:
// event messages and log lines by their type, messages inside typed objects
// (container states, conditions) by whoever filled it.
//
// The package does no I/O and judges nothing: what is wrong is the business of
// package diagnose.
package kube
