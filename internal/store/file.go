package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// File is the embedded store: one append-only file of JSON lines, and in memory
// where each record stands. One process at a time may hold it.
type File struct {
	feed feed
	now  func() time.Time

	mu    sync.Mutex
	file  *os.File // nil for the memory store
	size  int64
	lines [][]byte // memory store only
	index index
	fail  error // set when a write failed half way: nothing is accepted after it
}

// line is the stored form of a record.
type line struct {
	Incident    incident.ID     `json:"incident"`
	Version     int             `json:"version"`
	Type        incident.Type   `json:"type"`
	Fingerprint string          `json:"fingerprint,omitempty"` // on the first record of an incident that has one
	At          time.Time       `json:"at"`
	Raw         json.RawMessage `json:"raw"`
}

// Memory is a store that forgets everything when it is dropped. It is for tests.
func Memory(now func() time.Time) *File {
	return &File{now: now, index: newIndex()}
}

// OpenFile opens or creates the store at path and reads it once. A last line
// that a crash cut short was never acknowledged and is dropped; any other
// damage is an error, because records after it would be lost silently.
func OpenFile(path string, now func() time.Time) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("the store %s is in use by another process", path)
	}
	s := &File{now: now, file: f, index: newIndex()}
	if err := s.read(); err != nil {
		f.Close()
		return nil, fmt.Errorf("read the store %s: %w", path, err)
	}
	return s, nil
}

// ReadFile opens the store at path for reading, beside the process that holds
// it, and sees what was complete at that moment.
func ReadFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	s := &File{now: time.Now, file: f, index: newIndex(), fail: errors.New("the store was opened for reading")}
	if err := s.read(); err != nil {
		f.Close()
		return nil, fmt.Errorf("read the store %s: %w", path, err)
	}
	return s, nil
}

func (s *File) read() error {
	in := bufio.NewReaderSize(s.file, 1<<20)
	for n := 1; ; n++ {
		raw, err := in.ReadBytes('\n')
		if err == io.EOF {
			if len(raw) > 0 && s.fail == nil {
				if err := s.file.Truncate(s.size); err != nil {
					return fmt.Errorf("drop a half-written record: %w", err)
				}
			}
			_, err := s.file.Seek(s.size, io.SeekStart)
			return err
		}
		if err != nil {
			return err
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return fmt.Errorf("line %d is damaged: %w", n, err)
		}
		if l.Version != s.index.version(l.Incident)+1 {
			return fmt.Errorf("line %d: record %d of %s does not follow record %d", n, l.Version, l.Incident, s.index.version(l.Incident))
		}
		s.index.add(l, span{s.size, len(raw)})
		s.size += int64(len(raw))
	}
}

// Close releases the file.
func (s *File) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = errors.New("the store is closed")
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Open appends the first record of an incident; see the package comment.
func (s *File) Open(_ context.Context, fingerprint string, first incident.Record) (incident.ID, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.index.open[fingerprint]; ok && fingerprint != "" {
		return id, false, nil
	}
	if s.index.version(first.Incident) != 0 {
		return "", false, fmt.Errorf("incident %s exists: %w", first.Incident, incident.ErrConflict)
	}
	return first.Incident, true, s.write(fingerprint, first)
}

// Append adds records after the given version.
func (s *File) Append(_ context.Context, after int, records ...incident.Record) error {
	if len(records) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index.version(records[0].Incident) != after || after == 0 {
		return incident.ErrConflict
	}
	for n, r := range records {
		if r.Version != after+n+1 || r.Incident != records[0].Incident {
			return fmt.Errorf("record %d of %s does not follow record %d", r.Version, r.Incident, after+n)
		}
	}
	return s.write("", records...)
}

// write appends the lines in one write and one sync. Where either fails, what
// the file holds is not known, so the store stops accepting.
func (s *File) write(fingerprint string, records ...incident.Record) error {
	if s.fail != nil {
		return s.fail
	}
	var (
		out   bytes.Buffer
		lines = make([]line, len(records))
		spans = make([]span, len(records))
	)
	for n, r := range records {
		lines[n] = line{Incident: r.Incident, Version: r.Version, Type: r.Type, Fingerprint: fingerprint, At: s.now().UTC(), Raw: r.Raw}
		raw, err := json.Marshal(lines[n])
		if err != nil {
			return fmt.Errorf("encode record: %w", err)
		}
		spans[n] = span{s.size + int64(out.Len()), len(raw) + 1}
		out.Write(raw)
		out.WriteByte('\n')
		if s.file == nil {
			s.lines = append(s.lines, raw)
		}
	}
	if s.file != nil {
		if _, err := s.file.Write(out.Bytes()); err != nil {
			s.fail = fmt.Errorf("write the store: %w", err)
			return s.fail
		}
		if err := s.file.Sync(); err != nil {
			s.fail = fmt.Errorf("sync the store: %w", err)
			return s.fail
		}
	}
	s.size += int64(out.Len())
	for n := range lines {
		s.index.add(lines[n], spans[n])
	}
	s.feed.publish(records[0].Incident)
	return nil
}
