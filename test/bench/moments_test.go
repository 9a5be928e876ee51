package bench_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"
)

// moments are when something was first seen of each thing, and how often.
type moments struct {
	mu    sync.Mutex
	first map[string]time.Time
	times map[string]int
}

func newMoments() *moments { return &moments{first: map[string]time.Time{}, times: map[string]int{}} }

func (m *moments) add(name string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.times[name]++
	if _, ok := m.first[name]; !ok {
		m.first[name] = at
	}
}

func (m *moments) get(name string) (at time.Time, times int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first[name], m.times[name]
}

// await returns when all the names were seen, or ctx ends.
func (m *moments) await(ctx context.Context, names []string) (missing []string) {
	for {
		missing = missing[:0]
		for _, n := range names {
			if _, times := m.get(n); times == 0 {
				missing = append(missing, n)
			}
		}
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return missing
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// workloadName is how this package names its Deployments.
var workloadName = regexp.MustCompile(`[a-zA-Z]/((?:fault|press)-[0-9]{3})\b`)

// workloadOf is the workload that a card of the namespace is about.
func workloadOf(text, namespace string) string {
	if !strings.Contains(text, namespace) {
		return ""
	}
	if found := workloadName.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}
