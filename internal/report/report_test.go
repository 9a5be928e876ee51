package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	webUID = "11111111-1111-1111-1111-111111111111"
	newUID = "22222222-2222-2222-2222-222222222222"
	oldUID = "33333333-3333-3333-3333-333333333333"
)

func at(clock string) time.Time {
	t, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 11, 20, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// image is a proven fault with two ways back.
func image() diagnose.Finding {
	web := action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: webUID}
	pod := action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web-6d4b-x2x"}
	sure := incident.Confidence{Value: 1, Lower: 0.88, Measured: true, Basis: redact.Literal("rule, 12 of 12 right")}
	summary := redact.Literal("Deployment/web cannot start: image registry.example/shop/web:v2 does not exist in its registry")
	return diagnose.Finding{
		Subject: web, Since: at("10:00:00"),
		Diagnosis: incident.Diagnosis{
			Cause: incident.ImageNotFound, Root: web, Object: pod, Rule: "image.pull", Summary: summary, Confidence: sure,
			Cites: []string{"e1", "e2"}, Ready: 2, Desired: 3, Note: redact.Literal("Helm release shop made Deployment/web"),
			RuledOut: []redact.Text{redact.Literal("registry down: the registry answered")},
			Candidates: []incident.Candidate{
				{Action: action.Action{Kind: action.SetImage, Target: web, Params: action.Params{SetImage: &action.SetImageParams{
					Container: "web", From: "registry.example/shop/web:v2", To: "registry.example/shop/web:v1"}}}, Why: redact.Literal("goes back to the image of revision 1")},
				{Action: action.Action{Kind: action.Rollback, Target: web, Params: action.Params{Rollback: &action.RollbackParams{
					ToRevision: 1, FromRevision: 2, To: action.Pinned{ReplicaSet: "web-1", UID: oldUID}, From: action.Pinned{ReplicaSet: "web-2", UID: newUID}}}},
					Why: redact.Literal("brings back revision 1")},
			},
			Steps: []redact.Text{redact.Literal("check that the image was pushed")},
		},
		Hypotheses: []incident.Hypothesis{{Cause: incident.ImageNotFound, Root: web, Summary: summary, Confidence: sure, Cites: []string{"e1", "e2"}}},
		Evidence: []incident.Evidence{
			{ID: "e1", Kind: "status", Source: pod, Where: redact.Literal("container web"), Text: redact.Literal("cannot pull image registry.example/shop/web:v2"), At: at("10:00:00")},
			{ID: "e2", Kind: "status", Source: pod, Where: redact.Literal("pull error"), Text: redact.Literal("registry.example/shop/web:v2: not found")},
			{ID: "e3", Kind: "spec", Source: web, Where: redact.Literal("last rollout"), Text: redact.Literal("revision 1 to 2 changed image")},
		},
	}
}

// unknown is a young fault that no rule proves.
func unknown() diagnose.Finding {
	api := action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "api"}
	return diagnose.Finding{
		Subject: api, Settling: true, Since: at("10:05:00"),
		Diagnosis: incident.Diagnosis{
			Cause: incident.Unknown, Root: api, Object: api, Summary: redact.Literal("Pod/api is failing (crash-loop); no rule can prove why"),
			Confidence: incident.Confidence{Basis: redact.Literal("not measured")}, Cites: []string{"e1"}, Desired: 1,
			Steps: []redact.Text{redact.Literal("look at it: kubectl describe Pod/api -n shop"), redact.Literal("read the events")},
		},
		Hypotheses: []incident.Hypothesis{{Cause: incident.DependencyUnavailable, Root: api,
			Summary: redact.Literal("the log speaks of a dependency that cannot be reached"), Cites: []string{"e2"}, Candidate: -1}},
		Evidence: []incident.Evidence{
			{ID: "e1", Kind: "status", Source: api, Text: redact.Literal("ends with exit code 1 (Error), restarted 4 times")},
			{ID: "e2", Kind: "log", Source: api, Text: redact.Literal("one line\nand another")},
		},
	}
}

func TestOutputIsAsTheGoldenFilesHaveIt(t *testing.T) {
	findings := []diagnose.Finding{unknown(), image()}
	for _, c := range []struct {
		file  string
		write func(*bytes.Buffer) error
	}{
		{"findings.txt", func(b *bytes.Buffer) error { return Text(b, findings, false) }},
		{"colour.txt", func(b *bytes.Buffer) error { return Text(b, findings, true) }},
		{"nothing.txt", func(b *bytes.Buffer) error { return Text(b, nil, false) }},
		{"findings.json", func(b *bytes.Buffer) error { return JSON(b, findings) }},
		{"nothing.json", func(b *bytes.Buffer) error { return JSON(b, nil) }},
	} {
		t.Run(c.file, func(t *testing.T) {
			var b bytes.Buffer
			if err := c.write(&b); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", c.file)
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("run with -update if this is meant:\n%s", diff)
			}
		})
	}
}

func TestWithoutColourThereIsNoEscape(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, []diagnose.Finding{image(), unknown()}, false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("escape sequences in plain output")
	}
}

// TestTheJSONHasThePromisedFields reads it as a program would.
func TestTheJSONHasThePromisedFields(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, []diagnose.Finding{image()}); err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || len(out) != 1 {
		t.Fatalf("%v, %d elements", err, len(out))
	}
	for _, field := range []string{"cause", "root", "object", "summary", "confidence", "hypotheses", "evidence", "fixes", "settling"} {
		if _, ok := out[0][field]; !ok {
			t.Errorf("no field %s", field)
		}
	}
	root, _ := out[0]["root"].(map[string]any)
	if root["kind"] != "Deployment" || root["namespace"] != "shop" || root["name"] != "web" {
		t.Errorf("root %v", root)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestAWriteErrorIsReported(t *testing.T) {
	if Text(full{}, nil, false) == nil || JSON(full{}, nil) == nil {
		t.Error("the error was swallowed")
	}
}
