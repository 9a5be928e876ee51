// Package store keeps incidents' records, in one append-only file, in memory or
// in Redis, behind one contract:
//
//   - Append is compare-and-swap on the incident's version, all records or none.
//   - Open gives a fingerprint to one open incident; closing frees it.
//   - All records stand in one order, the log, which the audit exporter reads.
//   - Changes delivers the id of every incident that was appended to. Ids may
//     coalesce and repeat; none is lost, also not across a reconnect.
//
// A store moves bytes. It does not decode events, checks no seal and authorises
// nothing: whoever reads replays and authenticates.
package store
