package store

import (
	"sort"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// span is where a line stands in the file; length includes the line feed.
type span struct {
	offset int64
	length int
}

// index is what the embedded store knows without reading the file: 12 bytes and
// an int a record.
type index struct {
	log    []span
	of     map[incident.ID][]int // an incident's records, as indices of log
	open   map[string]incident.ID
	print  map[incident.ID]string
	closed map[incident.ID]time.Time // zero while open
}

func newIndex() index {
	return index{
		of: map[incident.ID][]int{}, open: map[string]incident.ID{},
		print: map[incident.ID]string{}, closed: map[incident.ID]time.Time{},
	}
}

func (x *index) version(id incident.ID) int { return len(x.of[id]) }

func (x *index) add(l line, s span) {
	x.of[l.Incident] = append(x.of[l.Incident], len(x.log))
	x.log = append(x.log, s)
	if l.Version == 1 {
		x.closed[l.Incident] = time.Time{}
		if l.Fingerprint != "" {
			x.open[l.Fingerprint], x.print[l.Incident] = l.Incident, l.Fingerprint
		}
	}
	if l.Type == incident.TypeClosed {
		delete(x.open, x.print[l.Incident])
		delete(x.print, l.Incident)
		x.closed[l.Incident] = l.At
	}
}

func (x *index) live(since time.Time) []incident.ID {
	var ids []incident.ID
	for id, at := range x.closed {
		if at.IsZero() || at.After(since) {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(a, b int) bool { return ids[a] < ids[b] })
	return ids
}
