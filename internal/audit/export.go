package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/countersign-dev/countersign/internal/action"
)

// Export writes all records of log as a chain, and head as its last line if
// there is one.
func Export(ctx context.Context, log Log, head *Head, w io.Writer) error {
	var prev action.Hash
	for n := 0; ; {
		records, err := log.Log(ctx, n, batch)
		if err != nil {
			return err
		}
		for _, r := range records {
			n++
			prev = link(prev, r.Raw)
			if err := writeRecord(w, n, prev, r.Raw); err != nil {
				return err
			}
		}
		if len(records) == 0 {
			break
		}
	}
	if head == nil {
		return nil
	}
	if err := json.NewEncoder(w).Encode(entry{Head: head}); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}
