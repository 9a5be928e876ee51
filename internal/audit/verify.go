package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

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
//
// It shows that nothing was altered since the head was signed. What the records
// mean, Replay shows.
func Verify(r io.Reader, keys action.Keys, anchor *Head) (Report, error) {
	v := newVerifier(keys)
	v.anchored = anchor
	if err := v.run(r); err != nil {
		return Report{}, err
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
	head    [2 * sha256.Size]byte // hexadecimal
}

type verifier struct {
	report   Report
	keys     action.Keys
	anchored *Head
	// each gets every record that is an event; nil for none.
	each     func(id incident.ID, version int, raw []byte)
	unsigned bool // the head is not looked at

	line  int
	seq   int
	hash  []byte // that the last record claims
	at    []byte // the hash at the anchor's place
	ended bool   // a head was read
	next  map[incident.ID]*place
	// owned are the pairs of type and role that a record was decoded for, so
	// that each is decoded once.
	owned map[owned]bool

	sum     hash.Hash
	scratch []byte
	want    [2 * sha256.Size]byte // hexadecimal
}

type owned struct {
	kind incident.Type
	role incident.Role
}

func newVerifier(keys action.Keys) *verifier {
	return &verifier{next: map[incident.ID]*place{}, owned: map[owned]bool{}, keys: keys, sum: sha256.New()}
}

func (v *verifier) run(r io.Reader) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	for in.Scan() {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		v.line++
		v.read(in.Bytes())
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("read line %d of the export: %w", v.line+1, err)
	}
	if v.line == 0 {
		return errors.New("the export is empty")
	}
	return nil
}

func (v *verifier) problem(format string, args ...any) {
	v.report.Problems = append(v.report.Problems, fmt.Sprintf("line %d: ", v.line)+fmt.Sprintf(format, args...))
}

func (v *verifier) read(line []byte) {
	r, err := readLine(line)
	if err != nil {
		v.problem("not a line of an export: %v", err)
		return
	}
	if r.head != nil {
		v.head(*r.head)
		return
	}
	// Whoever can write the file can append to what was signed.
	if v.ended {
		v.problem("record %d stands behind the signed head, which does not vouch for it", r.seq)
		v.report.Signed = false
	}
	v.seq++
	if r.seq != v.seq {
		v.problem("record %d stands where record %d belongs: records were removed, added or moved", r.seq, v.seq)
		v.seq = r.seq
	}
	v.chain(r)
	v.place(r)
}

// chain compares the record's hash with that of the record in this place.
func (v *verifier) chain(r row) {
	v.scratch = append(append(append(v.scratch[:0], chainDomain...), v.hash...), '\n')
	v.sum.Reset()
	v.sum.Write(v.scratch)
	v.sum.Write(r.raw)
	hex.Encode(v.want[:], v.sum.Sum(v.scratch[:0]))
	if !bytes.Equal(r.hash, v.want[:]) {
		v.problem("record %d does not match its hash: it was altered, or the one before it", r.seq)
	}
	v.hash = append(v.hash[:0], r.hash...)
	if v.anchored != nil && r.seq == v.anchored.Seq {
		v.at = bytes.Clone(v.want[:])
	}
}

// place holds the record to the one before it in its own incident.
func (v *verifier) place(r row) {
	h, ok := parseHeader(r.raw)
	if !ok || !v.owned[owned{incident.Type(h.kind), incident.Role(h.role)}] {
		var err error
		if h, err = decodeHeader(r.raw); err != nil {
			v.problem("record %d: %v", r.seq, err)
			return
		}
		v.owned[owned{incident.Type(h.kind), incident.Role(h.role)}] = true
	}
	was := v.next[incident.ID(h.incident)]
	if was == nil {
		was = &place{}
		v.next[incident.ID(h.incident)] = was
	}
	head := was.head[:]
	if was.version == 0 {
		head = nil
	}
	if h.version != was.version+1 || !bytes.Equal(h.prev, head) {
		v.problem("record %d is version %d of incident %s and does not follow version %d", r.seq, h.version, h.incident, was.version)
	}
	sum := sha256.Sum256(r.raw)
	hex.Encode(was.head[:], sum[:])
	was.version = h.version
	if v.each != nil {
		v.each(incident.ID(h.incident), h.version, r.raw)
	}
}

func (v *verifier) head(h Head) {
	v.ended = true
	switch {
	case v.unsigned:
	case !h.Valid(v.keys):
		v.problem("the head's signature is not by a known key (%q)", h.KeyID)
	case h.Seq != v.seq || string(h.Hash) != string(v.hash):
		v.problem("the head vouches for %d records that end in %s, the export has %d that end in %s", h.Seq, h.Hash.Short(), v.seq, action.Hash(v.hash).Short())
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
	case string(v.at) != string(h.Hash):
		v.problem("record %d is not the one that the anchor vouches for", h.Seq)
	case h.Seq == v.seq:
		v.report.Signed = true
	}
}
