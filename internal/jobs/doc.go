// Package jobs is the gate's side of an execution: it turns a signed Order into
// the one shape of Job that admission lets the gate create, creates it, and
// carries back what the executor wrote when its pod ended.
//
// It decides nothing and signs nothing. It does not read the executor's message;
// the bytes are handed on as they are. Its clock is the API server's: an Order
// is never launched after its expiry by the Date header of the API server's own
// answers, whatever this machine believes the time to be.
package jobs
