package app

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

// readStore opens the store for reading; the embedded one beside the process
// that holds it.
func readStore(ctx context.Context, s Settings, cleanup *stack) (storage, error) {
	if s.RedisURL != "" {
		return openStore(ctx, s, cleanup)
	}
	f, err := store.ReadFile(s.StorePath)
	if err != nil {
		return nil, fmt.Errorf("STORE_PATH: %w", err)
	}
	cleanup.push(func() { f.Close() })
	return f, nil
}

// AuditExport writes the store's records as a chain with a freshly signed head.
func AuditExport(ctx context.Context, s Settings, w io.Writer) error {
	var cleanup stack
	defer cleanup.unwind()
	st, err := readStore(ctx, s, &cleanup)
	if err != nil {
		return err
	}
	keys, err := LoadKeys(s.KeysDir)
	if err != nil {
		return err
	}
	head, err := audit.HeadOf(ctx, st, keys.Signing, time.Now())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	if err := audit.Export(ctx, upTo{st, head.Seq}, &head, out); err != nil {
		return err
	}
	return out.Flush()
}

// upTo is a log as it was when its head was made: a gate beside us writes on.
type upTo struct {
	log audit.Log
	seq int
}

func (l upTo) Log(ctx context.Context, n, limit int) ([]incident.Record, error) {
	if limit = min(limit, l.seq-n); limit <= 0 {
		return nil, nil
	}
	return l.log.Log(ctx, n, limit)
}

// AuditVerify checks an export file. keys are ID:BASE64; anchor is a file with
// the head kept in the cluster, or empty.
func AuditVerify(file string, keys []string, anchor string) (audit.Report, error) {
	known, err := ParseKeys(keys)
	if err != nil {
		return audit.Report{}, err
	}
	if len(known) == 0 {
		return audit.Report{}, errors.New("--key is needed: without the public key anybody could have made the export (countersign keys show)")
	}
	var head *audit.Head
	if anchor != "" {
		raw, err := os.ReadFile(anchor)
		if err != nil {
			return audit.Report{}, fmt.Errorf("--anchor: %w", err)
		}
		head = &audit.Head{}
		if err := json.Unmarshal(raw, head); err != nil {
			return audit.Report{}, fmt.Errorf("--anchor: %s holds no audit head: %w", anchor, err)
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return audit.Report{}, fmt.Errorf("open the export: %w", err)
	}
	defer f.Close()
	return audit.Verify(f, known, head)
}

// AuditReplay rebuilds every incident of an export file. Where live is not nil,
// the store that it names has to give the same states under the gate's seals.
func AuditReplay(ctx context.Context, file string, live *Settings) (audit.Replayed, error) {
	f, err := os.Open(file)
	if err != nil {
		return audit.Replayed{}, fmt.Errorf("open the export: %w", err)
	}
	defer f.Close()
	if live == nil {
		return audit.Replay(ctx, f, nil, nil)
	}
	keys, err := LoadKeys(live.KeysDir)
	if err != nil {
		return audit.Replayed{}, err
	}
	var cleanup stack
	defer cleanup.unwind()
	st, err := readStore(ctx, *live, &cleanup)
	if err != nil {
		return audit.Replayed{}, err
	}
	return audit.Replay(ctx, f, &incident.Sealer{Key: keys.Seal}, st)
}

// PrintReplay writes one line an incident, then what was compared.
func PrintReplay(r audit.Replayed, w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tRECORDS\tNAMESPACE\tOBJECT\tORDERED\tSTATE\tDIGEST")
	for _, b := range r.Incidents {
		ordered, state := 0, "open"
		for _, a := range b.Incident.Attempts {
			if a.Launched != nil {
				ordered++
			}
		}
		if b.Incident.Closed != "" {
			state = "closed: " + b.Incident.Closed
		}
		fmt.Fprintf(out, "%s\t%d\t%s\t%s\t%d\t%s\t%s\n", b.ID, b.Records, b.Incident.Subject.Namespace, b.Incident.Subject, ordered, state, b.Digest.Short())
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, p := range r.Problems {
		fmt.Fprintln(w, p)
	}
	seals, compared := "not checked (--store checks them, with the gate's key)", "twice from the export"
	if r.Sealed {
		seals = "checked"
	}
	if r.Compared {
		compared += " and once from the store"
	}
	_, err := fmt.Fprintf(w, "%d records of %d incidents, %d problems; states rebuilt %s and compared; seals %s\n",
		r.Records, len(r.Incidents), len(r.Problems), compared, seals)
	return err
}

// ParseKeys reads public keys written as ID:BASE64.
func ParseKeys(texts []string) (action.Keys, error) {
	keys := action.Keys{}
	for _, t := range texts {
		id, encoded, ok := strings.Cut(t, ":")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("key %q is not ID:BASE64 of an Ed25519 public key", t)
		}
		keys[id] = raw
	}
	return keys, nil
}
