// Package audit puts all incidents' records in one order, chains them by hash
// and signs the head, so that whoever holds the public key can tell later that
// no record was altered, removed, added or moved.
//
// The store's log is the audit log; this package adds the chain. Chain follows
// the log and keeps the signed Head in an Anchor outside the store (a ConfigMap
// of the cluster), because a store that was rolled back agrees with itself.
// Export writes the chain as JSON lines; Verify reads them with the public key
// alone and hashes raw bytes, so that it does not depend on this program's
// understanding of the events.
package audit
