package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// entry is one line of an export: a record in its place, or the signed head as
// the last line.
type entry struct {
	Seq    int             `json:"seq,omitempty"`
	Hash   action.Hash     `json:"hash,omitempty"`
	Record json.RawMessage `json:"record,omitempty"`
	Head   *Head           `json:"head,omitempty"`
}

// Export writes all records of log as a chain, and head as its last line if
// there is one.
func Export(ctx context.Context, log Log, head *Head, w io.Writer) error {
	out := json.NewEncoder(w)
	var prev action.Hash
	for n := 0; ; {
		records, err := log.Log(ctx, n, batch)
		if err != nil {
			return err
		}
		for _, r := range records {
			n++
			prev = link(prev, r.Raw)
			if err := out.Encode(entry{Seq: n, Hash: prev, Record: r.Raw}); err != nil {
				return fmt.Errorf("write the export: %w", err)
			}
		}
		if len(records) == 0 {
			break
		}
	}
	if head == nil {
		return nil
	}
	if err := out.Encode(entry{Head: head}); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}

// Report is what Verify found. Problems is empty when all is well.
type Report struct {
	Records   int      `json:"records"`
	Incidents int      `json:"incidents"`
	Signed    bool     `json:"signed"` // a head that covers the records is signed by a known key
	Problems  []string `json:"problems"`
}

// maxLine bounds one line of an export: a record holds an Order of 64 KiB at most.
const maxLine = 1 << 20

// Verify reads an export and names every record that is not in its place. keys
// are the public keys that may have signed the head; anchor is the head kept
// elsewhere, nil when there is none to compare with.
func Verify(r io.Reader, keys action.Keys, anchor *Head) (Report, error) {
	v := verifier{next: map[incident.ID]place{}, keys: keys}
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	for in.Scan() {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		v.line++
		v.read(in.Bytes(), anchor)
	}
	if err := in.Err(); err != nil {
		return Report{}, fmt.Errorf("read line %d of the export: %w", v.line+1, err)
	}
	if v.line == 0 {
		return Report{}, errors.New("the export is empty")
	}
	if anchor != nil {
		v.anchor(*anchor)
	}
	v.report.Records, v.report.Incidents = v.seq, len(v.next)
	return v.report, nil
}

// place is where an incident's own chain stands.
type place struct {
	version int
	head    action.Hash
}

type verifier struct {
	report Report
	keys   action.Keys
	line   int
	seq    int
	hash   action.Hash
	at     action.Hash // the hash at the anchor's place
	ended  bool        // a head was read
	next   map[incident.ID]place
}

func (v *verifier) problem(format string, args ...any) {
	v.report.Problems = append(v.report.Problems, fmt.Sprintf("line %d: ", v.line)+fmt.Sprintf(format, args...))
}

func (v *verifier) read(raw []byte, anchor *Head) {
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		v.problem("not a line of an export: %v", err)
		return
	}
	if e.Head != nil {
		v.head(*e.Head)
		return
	}
	// Whoever can write the file can append to what was signed.
	if v.ended {
		v.problem("record %d stands behind the signed head, which does not vouch for it", e.Seq)
		v.report.Signed = false
	}
	v.seq++
	if e.Seq != v.seq {
		v.problem("record %d stands where record %d belongs: records were removed, added or moved", e.Seq, v.seq)
		v.seq = e.Seq
	}
	want := link(v.hash, e.Record)
	if e.Hash != want {
		v.problem("record %d does not match its hash: it was altered, or the one before it", e.Seq)
	}
	v.hash = e.Hash
	if anchor != nil && e.Seq == anchor.Seq {
		v.at = want
	}
	event, err := incident.Decode(e.Record)
	if err != nil {
		v.problem("record %d: %v", e.Seq, err)
		return
	}
	was := v.next[event.Incident]
	if event.Version != was.version+1 || event.Prev != was.head {
		v.problem("record %d is version %d of incident %s and does not follow version %d", e.Seq, event.Version, event.Incident, was.version)
	}
	v.next[event.Incident] = place{event.Version, incident.Record{Raw: e.Record}.Hash()}
}

func (v *verifier) head(h Head) {
	v.ended = true
	switch {
	case !h.Valid(v.keys):
		v.problem("the head's signature is not by a known key (%q)", h.KeyID)
	case h.Seq != v.seq || h.Hash != v.hash:
		v.problem("the head vouches for %d records that end in %s, the export has %d that end in %s", h.Seq, h.Hash.Short(), v.seq, v.hash.Short())
	default:
		v.report.Signed = true
	}
}

func (v *verifier) anchor(h Head) {
	switch {
	case !h.Valid(v.keys):
		v.problem("the anchor's signature is not by a known key (%q)", h.KeyID)
	case h.Seq > v.seq:
		v.problem("the anchor vouches for %d records, the export has %d: records were removed", h.Seq, v.seq)
	case v.at != h.Hash:
		v.problem("record %d is not the one that the anchor vouches for", h.Seq)
	case h.Seq == v.seq:
		v.report.Signed = true
	}
}
