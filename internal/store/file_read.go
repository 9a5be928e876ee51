package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// at reads the n-th line of the log.
func (s *File) at(n int) (line, error) {
	var raw []byte
	if s.file == nil {
		raw = s.lines[n]
	} else {
		raw = make([]byte, s.index.log[n].length)
		if _, err := s.file.ReadAt(raw, s.index.log[n].offset); err != nil {
			return line{}, fmt.Errorf("read the store: %w", err)
		}
	}
	var l line
	if err := json.Unmarshal(raw, &l); err != nil {
		return line{}, fmt.Errorf("read the store: record %d is damaged: %w", n+1, err)
	}
	return l, nil
}

// After returns an incident's records after the first n; none for an unknown one.
func (s *File) After(_ context.Context, id incident.ID, n int) ([]incident.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var records []incident.Record
	places := s.index.of[id]
	for _, n := range places[min(n, len(places)):] {
		l, err := s.at(n)
		if err != nil {
			return nil, err
		}
		records = append(records, l.record())
	}
	return records, nil
}

// Log returns up to limit records after the first n of the store's one order.
func (s *File) Log(_ context.Context, n, limit int) ([]incident.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var records []incident.Record
	for ; n < len(s.index.log) && len(records) < limit; n++ {
		l, err := s.at(n)
		if err != nil {
			return nil, err
		}
		records = append(records, l.record())
	}
	return records, nil
}

func (l line) record() incident.Record {
	return incident.Record{Incident: l.Incident, Version: l.Version, Type: l.Type, Raw: l.Raw}
}

// Live lists the incidents that are open or were closed within keep.
func (s *File) Live(_ context.Context, keep time.Duration) ([]incident.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index.live(s.now().Add(-keep)), nil
}

// Changes delivers the ids of incidents that are appended to.
func (s *File) Changes(ctx context.Context) (<-chan incident.ID, error) {
	return s.feed.subscribe(ctx), nil
}
