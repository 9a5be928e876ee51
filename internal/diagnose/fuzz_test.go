package diagnose

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/countersign-dev/countersign/internal/redact"
)

// Messages come from registries, programs and other people's controllers. The
// parsers must neither panic nor invent names that the text does not hold.

func FuzzSchedulerMessage(f *testing.F) {
	f.Add("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. preemption: 0/3 nodes are available")
	f.Add(`0/1 nodes are available: persistentvolumeclaim "data" not found. not found`)
	f.Add("0/1 nodes are available: }{,,{")
	f.Fuzz(func(t *testing.T, message string) {
		total, refusals, ok := parseScheduling(message)
		if ok && (total < 0 || len(refusals) == 0) {
			t.Errorf("total %d, %d refusals", total, len(refusals))
		}
		for _, r := range refusals {
			if r.nodes < 0 || r.reason == "" || !strings.Contains(message, r.reason) {
				t.Errorf("invented %+v", r)
			}
		}
	})
}

func FuzzPullMessage(f *testing.F) {
	f.Add(`failed to resolve reference "a/b:c": a/b:c: not found`, "a/b:c")
	f.Add(`Back-off pulling image "x": ErrImagePull: rpc error: code = NotFound desc = y`, "x")
	f.Fuzz(func(t *testing.T, message, image string) {
		if cause := pullCause(message, image); cause != "" && strings.TrimSpace(message) == "" {
			t.Errorf("%q out of nothing", cause)
		}
		// Quoted text alone never decides.
		if !strings.ContainsAny(message, `"\`) && pullCause(`x "`+message+`" y`, "") != "" {
			t.Errorf("a quotation decided: %q", message)
		}
		canonicalPull(text(message))
	})
}

func FuzzKubeletMessage(f *testing.F) {
	f.Add(`couldn't find key a in ConfigMap b/c`)
	f.Add(`MountVolume.SetUp failed for volume "v" : configmap references non-existent config key: k`)
	f.Add(`exec: "x": executable file not found in $PATH`)
	f.Add(`Liveness probe failed: Get "http://1.2.3.4:80/": dial tcp 1.2.3.4:80: connect: connection refused`)
	f.Add(`pods "a" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=1, limited: cpu=1`)
	f.Fuzz(func(t *testing.T, message string) {
		if m, ok := parseMissing(message); ok && (!strings.Contains(message, m.name) || !strings.Contains(message, m.key) || m.name == "" && m.volume == "") {
			t.Errorf("invented %+v", m)
		}
		if program, why, ok := parseExec(message); ok && (program == "" || why == "" || !strings.Contains(message, program)) {
			t.Errorf("invented %q %q", program, why)
		}
		if r, ok := parseCreate(message); ok && !strings.Contains(message, r.name) {
			t.Errorf("invented %+v", r)
		}
		parseProbe(message)
	})
}

func FuzzTextIsRedactedAndValid(f *testing.F) {
	f.Add("image registry.example/web:v2")
	r := redact.New(redact.Config{Key: []byte("fuzz")})
	f.Fuzz(func(t *testing.T, s string) {
		clean := r.Redact(s)
		if again := text(clean.String()); again != clean && utf8.ValidString(s) {
			t.Errorf("%q became %q when read again", clean, again)
		}
	})
}
