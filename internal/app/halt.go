package app

import (
	"cmp"

	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/doctor"
)

// halts are all that forbids orders and offers, each as a sentence while it does.
type halts struct {
	kill  func() string // the kill switch
	fence func() string // not proven, or something gets through
	audit func() string // the log lags behind its anchor, or has lost something
}

// Halt is the first that stands; empty where none does.
func (h halts) Halt() string { return cmp.Or(h.kill(), h.fence(), h.audit()) }

// Hold reports whether the halt is one that every start begins with and that
// ends by itself: then offers are not taken back, and presses wait.
func (h halts) Hold() bool {
	switch h.Halt() {
	case switchUnread, doctor.BeingProven, audit.NotCompared:
		return true
	}
	return false
}
