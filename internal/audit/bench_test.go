package audit

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// installation are the records of n incidents as an installation writes them:
// two looks with evidence, a rehearsal and an execution with their Orders, a
// quorum of two. Half a kilobyte to four a record.
func installation(t testing.TB, n int) []incident.Record {
	t.Helper()
	web := action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "11111111-2222-3333-4444-555555555555"}
	line := redact.Literal("2026-11-20T14:00:00Z level=error msg=\"cannot open the catalogue: no such file or directory\" attempt=3\n")
	evidence := make([]incident.Evidence, 6)
	for k := range evidence {
		evidence[k] = incident.Evidence{ID: fmt.Sprintf("e%d", k+1), Kind: "log", Source: web, Text: redact.Join("", line, line, line, line)}
	}
	hash := action.Hash(strings.Repeat("ab", 32))
	order := strings.Repeat("eyJleGVjdXRpb24iOiJjcy1hLTEx", 50)
	look := &incident.Collected{Digest: hash, Evidence: evidence, Diagnosis: incident.Diagnosis{Cause: incident.AppError, Root: web, Object: web, Summary: line}}
	person := incident.Person{ID: "U0123456789", Team: "T0123456789", Name: redact.Literal("Alice")}
	report := incident.ExecutorReport{State: incident.StateRehearsed, UID: web.UID, Before: hash, After: hash, Diff: redact.Join("", line, line, line)}
	said := &incident.Clicked{Click: "C1:1.1:U1:2.2", Verb: incident.Approve, Digest: hash, Person: person, Channel: "C1", Message: "1.1", Genuine: true, PressedAt: at()}
	vote := &incident.Voted{Click: "C1:1.1:U1:2.2", Verb: incident.Approve, Digest: hash, Person: person}
	card := &incident.Posted{Slot: incident.CardSlot, Channel: "C0123456789", TS: "1700000000.000100", Revision: 4}
	bodies := []incident.Body{
		&incident.Opened{Fingerprint: "f", Signal: incident.Signal{Symptom: incident.SymptomCrashLoop, Object: web, Subject: web}},
		look, &incident.Posting{Slot: incident.CardSlot}, card,
		&incident.Rehearsing{Attempt: 1, Basis: "b", Order: order, Job: "cs-r0"}, &incident.Rehearsed{Attempt: 1, Report: report},
		&incident.Proposed{Attempt: 1, Digest: hash, Button: true}, card, said, vote, card, said, vote,
		&incident.Decided{Digest: hash}, &incident.Launched{Digest: hash, Order: order}, card, &incident.Executed{Job: "cs-a", Report: report}, card,
		&incident.Observed{Execution: "cs-a", Ready: 1, Desired: 2, Summary: line}, look, &incident.Observed{Execution: "cs-a", Healthy: true, Ready: 2, Desired: 2},
		&incident.Concluded{Execution: "cs-a", Result: incident.Recovered, Summary: line}, card, &incident.Closed{Why: "recovered"},
	}
	records := make([]incident.Record, 0, n*len(bodies))
	heads := make([]action.Hash, n)
	for version, b := range bodies {
		role := incident.Gate
		switch b.(type) {
		case *incident.Opened, *incident.Collected, *incident.Observed, *incident.Concluded, *incident.Closed:
			role = incident.Watcher
		}
		for k := range n {
			r, err := incident.Next(incident.ID(fmt.Sprintf("i%012x", k)), version, heads[k], role, b, at(), sealer)
			if err != nil {
				t.Fatal(err)
			}
			heads[k] = r.Hash()
			records = append(records, r)
		}
	}
	return records
}

// BenchmarkVerify prints records a second. Below it stands the floor: the same
// bytes through SHA-256 and nothing else, in the same run.
func BenchmarkVerify(b *testing.B) {
	key, keys := keyOf("k1", 1)
	all := installation(b, 1000)
	head := headOf(b, key, all)
	var export bytes.Buffer
	if err := Export(b.Context(), &memory{records: all}, &head, &export); err != nil {
		b.Fatal(err)
	}
	text := export.Bytes()
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		start := time.Now()
		for b.Loop() {
			r, err := Verify(bytes.NewReader(text), keys, &head)
			if err != nil || !r.Signed || len(r.Problems) > 0 || r.Records != len(all) {
				b.Fatalf("%+v %v", r, err)
			}
		}
		b.ReportMetric(float64(len(all)*b.N)/time.Since(start).Seconds(), "records/s")
		b.ReportMetric(float64(len(text))/float64(len(all)), "B/record")
	})
	b.Run("sha256 of the same bytes", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		start := time.Now()
		for b.Loop() {
			sha256.Sum256(text)
		}
		b.ReportMetric(float64(len(all)*b.N)/time.Since(start).Seconds(), "records/s")
	})
}
