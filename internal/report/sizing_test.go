package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/sizing"
)

// outgrown is a report with a proposal, advice and a claim.
func outgrown() sizing.Report {
	web := action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: webUID}
	claim := action.Ref{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "left"}
	basis := sizing.Basis{Samples: 41, Span: 10 * time.Minute}
	return sizing.Report{
		Findings: []sizing.Finding{
			{
				Code: sizing.MemoryNearLimit, Danger: sizing.Critical, Object: web, Workload: web, Container: "app", Basis: basis,
				Summary: redact.Literal("container app uses 61Mi of its memory limit of 64Mi"), Why: redact.Literal("leaves room above the 61Mi seen"),
				Change: &action.Action{Kind: action.SetResources, Target: web, Params: action.Params{SetResources: &action.SetResourcesParams{
					Container: "app", FromMemoryLimit: "64Mi", ToMemoryLimit: "96Mi"}}},
				Advice: []redact.Text{redact.Literal("kubectl set resources Deployment/web")},
			},
			{
				Code: sizing.ClaimUnused, Danger: sizing.Note, Object: claim, Summary: redact.Literal("no pod mounts it"),
				Saving: sizing.Saving{Storage: 20 << 30}, Instead: redact.Literal("not for a button"),
			},
		},
		Uses: []sizing.Use{{
			Workload: web, Container: "app", Pods: 3, Sampled: 3, Basis: basis,
			CPU: sizing.Figures{Used: 20, Request: 100}, Memory: sizing.Figures{Used: 61 << 20, Request: 64 << 20, Limit: 64 << 20},
		}},
	}
}

func TestSizesAreATableThenWhatEachRowMeans(t *testing.T) {
	var b bytes.Buffer
	if err := Sizing(&b, outgrown(), Prices{}, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if !strings.HasPrefix(lines[0], "DANGER") || !strings.HasPrefix(lines[1], "critical") || !strings.HasPrefix(lines[2], "info") {
		t.Errorf("no table in order:\n%s", b.String())
	}
	for _, want := range []string{
		"20m/100m/-", "61Mi/64Mi/64Mi", "41 samples over 10m0s", "fix   set the memory limit of container app from 64Mi to 96Mi (relieves, does not cure)",
		"undo  set the memory limit of container app from 96Mi to 64Mi", "do    kubectl set resources", "no proposal: not for a button",
		"2 findings", "namespace shop could give back 20.0Gi storage",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") || strings.Contains(b.String(), "a month") {
		t.Errorf("colour without a terminal, or money without a price:\n%s", b.String())
	}
	b.Reset()
	if err := Sizing(&b, outgrown(), Prices{Storage: 0.1}, true); err != nil || !strings.Contains(b.String(), "\x1b[31mcritical") || !strings.Contains(b.String(), "2.00 a month") {
		t.Errorf("%v: no colour or no money:\n%s", err, b.String())
	}
	b.Reset()
	if err := Sizing(&b, sizing.Report{Uses: outgrown().Uses}, Prices{}, false); err != nil || !strings.Contains(b.String(), "nothing was seen that should have another size (41 samples over 10m0s)") {
		t.Errorf("%v: %s", err, b.String())
	}
}

func TestSizesForProgramsKeepTheirShape(t *testing.T) {
	var b bytes.Buffer
	if err := SizingJSON(&b, outgrown(), Prices{Storage: 0.1}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Findings []struct {
			Code, Danger string
			Workload     *struct{ Name string }
			Samples      int
			SpanSeconds  float64
			CostAMonth   *float64
			Proposal     *struct{ Change, Undo string }
			NoProposal   string
		}
		Containers []struct{ MemoryBytes struct{ Used, Limit int64 } }
		Namespaces []struct{ Namespace string }
		NotJudged  []string
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	near, left := got.Findings[0], got.Findings[1]
	if near.Code != "memory-near-limit" || near.Danger != "critical" || near.Proposal == nil || near.SpanSeconds != 600 || near.CostAMonth != nil || near.NoProposal != "" {
		t.Errorf("%+v", near)
	}
	if left.Workload != nil || left.Proposal != nil || left.CostAMonth == nil || *left.CostAMonth != 2 || left.NoProposal == "" {
		t.Errorf("%+v", left)
	}
	if len(got.Containers) != 1 || got.Containers[0].MemoryBytes.Limit != 64<<20 || len(got.Namespaces) != 1 || got.NotJudged == nil {
		t.Errorf("%s", b.String())
	}
	if err := SizingJSON(closed{}, outgrown(), Prices{}); !errors.Is(err, errClosed) {
		t.Errorf("a writer that fails gives %v", err)
	}
}

var errClosed = errors.New("closed")

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errClosed }
