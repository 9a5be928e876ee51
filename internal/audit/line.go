package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// entry is one line of an export: a record in its place, or the signed head as
// the last line.
type entry struct {
	Seq    int             `json:"seq,omitempty"`
	Hash   action.Hash     `json:"hash,omitempty"`
	Record json.RawMessage `json:"record,omitempty"`
	// Bytes are a record that is no JSON object on one line, as it stands in
	// the store: somebody else put it there, and it must not end the export.
	Bytes []byte `json:"bytes,omitempty"`
	Head  *Head  `json:"head,omitempty"`
}

// writeRecord writes a record's line with its bytes as they are: encoding them
// again would write other bytes than were hashed.
func writeRecord(w io.Writer, seq int, hash action.Hash, raw []byte) error {
	line := append(make([]byte, 0, len(raw)+128), `{"seq":`...)
	line = strconv.AppendInt(line, int64(seq), 10)
	line = append(append(append(line, `,"hash":"`...), hash...), '"')
	if !plain(raw) {
		encoded, err := json.Marshal(raw)
		if err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
		line = append(append(append(line, `,"bytes":`...), encoded...), "}\n"...)
	} else {
		line = append(append(append(line, `,"record":`...), raw...), "}\n"...)
	}
	if _, err := w.Write(line); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}

// plain reports whether raw can stand in a line of JSON as it is.
func plain(raw []byte) bool {
	return len(raw) > 1 && raw[0] == '{' && raw[len(raw)-1] == '}' && !bytes.ContainsAny(raw, "\n\r") && json.Valid(raw)
}

// row is a line as it was read. Its bytes are those of the line: they are good
// until the next one is read.
type row struct {
	seq  int
	hash []byte
	raw  []byte // what the chain hashes
	head *Head
}

// readLine reads a line of an export. The form that Export writes is taken
// apart without decoding the record, so that a year of records is verified in
// seconds; any other spelling is read as JSON. Either way the bytes that are
// hashed are the bytes that are read as the record.
func readLine(line []byte) (row, error) {
	p := parser{line}
	if p.lit(`{"seq":`) {
		if seq, ok := p.number(); ok && p.lit(`,"hash":"`) {
			hash, ok := p.text()
			if ok && p.lit(`,"record":{`) && bytes.HasSuffix(p.rest, []byte("}}")) {
				return row{seq: seq, hash: hash, raw: line[len(line)-len(p.rest)-1 : len(line)-1]}, nil
			}
		}
	}
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return row{}, err
	}
	r := row{seq: e.Seq, hash: []byte(e.Hash), raw: e.Record, head: e.Head}
	if e.Bytes != nil {
		r.raw = e.Bytes
	}
	return r, nil
}

// header is what places a record in its incident, in the record's own bytes.
type header struct {
	incident []byte
	version  int
	prev     []byte
	role     []byte
	kind     []byte
}

// headerOf reads a record's header. Only what incident.Next writes is read fast;
// the rest is left to incident.Decode.
func headerOf(raw []byte) (header, error) {
	if h, ok := parseHeader(raw); ok {
		return h, nil
	}
	return decodeHeader(raw)
}

// decodeHeader reads all of the record and refuses what is no event.
func decodeHeader(raw []byte) (header, error) {
	e, err := incident.Decode(raw)
	return header{[]byte(e.Incident), e.Version, []byte(e.Prev), []byte(e.Role), []byte(e.Type)}, err
}

func parseHeader(raw []byte) (h header, ok bool) {
	p := parser{raw}
	if !p.lit(`{"event":{"incident":"`) {
		return h, false
	}
	if h.incident, ok = p.text(); !ok || !p.lit(`,"version":`) {
		return h, false
	}
	if h.version, ok = p.number(); !ok {
		return h, false
	}
	if p.lit(`,"prev":"`) {
		if h.prev, ok = p.text(); !ok {
			return h, false
		}
	}
	if !p.lit(`,"at":"`) {
		return h, false
	}
	if _, ok := p.text(); !ok || !p.lit(`,"role":"`) {
		return h, false
	}
	if h.role, ok = p.text(); !ok {
		return h, false
	}
	if p.lit(`,"epoch":`) {
		if _, ok := p.number(); !ok {
			return h, false
		}
	}
	if !p.lit(`,"type":"`) {
		return h, false
	}
	h.kind, ok = p.text()
	return h, ok && p.lit(`,"body":`)
}

// parser takes bytes off the front.
type parser struct{ rest []byte }

func (p *parser) lit(s string) bool {
	if len(p.rest) < len(s) || string(p.rest[:len(s)]) != s {
		return false
	}
	p.rest = p.rest[len(s):]
	return true
}

// text reads a string's content up to its closing quote; one with an escape or
// anything beyond printable ASCII is left to encoding/json.
func (p *parser) text() ([]byte, bool) {
	for n, b := range p.rest {
		switch {
		case b == '"':
			text := p.rest[:n]
			p.rest = p.rest[n+1:]
			return text, true
		case b == '\\' || b < ' ' || b > '~':
			return nil, false
		}
	}
	return nil, false
}

// number reads digits as JSON writes a whole number above zero.
func (p *parser) number() (value int, ok bool) {
	n := 0
	for n < len(p.rest) && n < 18 && p.rest[n] >= '0' && p.rest[n] <= '9' {
		value = value*10 + int(p.rest[n]-'0')
		n++
	}
	if n == 0 || p.rest[0] == '0' {
		return 0, false
	}
	p.rest = p.rest[n:]
	return value, true
}
