// Package report writes findings for people at a terminal and for programs.
//
// It words nothing that the diagnosis does not say, and everything it writes
// has passed redaction.
package report
