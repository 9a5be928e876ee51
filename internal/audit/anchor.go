package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// Log is the store's one order of records.
type Log interface {
	Log(ctx context.Context, n, limit int) ([]incident.Record, error)
}

// ErrGone is what a Log answers where a record that its order names is not
// there any more. Every other error only means that it could not tell.
var ErrGone = errors.New("a record of the log is gone")

// Kept is what an anchor holds. Accept is an operator's word that the store as
// it is shall stand, although the head vouches for something else; see Accept.
type Kept struct {
	Head   Head
	Accept string
}

// Anchor keeps the head outside the store.
type Anchor interface {
	// Read returns what was kept last; the zero Kept where there is nothing.
	Read(ctx context.Context) (Kept, error)
	// Write keeps h and takes back any acceptance. It fails where somebody
	// else has written since the last Read.
	Write(ctx context.Context, h Head) error
	// Remedy tells an operator how to give the word accept, and what it means.
	Remedy(accept string) string
}

// ForgottenError says that the store does not hold what the anchor vouches for,
// or that the anchor itself was lost. Which of the two was tampered with cannot
// be told from here, so that nothing is decided before a person has looked.
type ForgottenError struct {
	Anchored Head // the zero Head where the anchor is empty or gone
	Have     int  // records in the store
	Why      string
	Remedy   string
}

func (e *ForgottenError) Error() string {
	if e.Remedy == "" {
		return e.Why
	}
	return e.Why + "; " + e.Remedy
}

// acceptance is the word by which an operator accepts the store's first seq
// records. It names their hash, so that it cannot stand for other records, and
// it is good for one start: the next head takes its place.
func acceptance(seq int, hash action.Hash) string { return fmt.Sprintf("%d:%s", seq, hash) }

// accepted reads an acceptance; seq is -1 where it is none.
func accepted(word string) (seq int, hash action.Hash) {
	number, rest, ok := strings.Cut(strings.TrimSpace(word), ":")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || n == 0 && rest != "" || n > 0 && !action.Hash(rest).Valid() {
		return -1, ""
	}
	return n, action.Hash(rest)
}
