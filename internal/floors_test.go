// Package internal_test keeps the floors: imports go down only, and packages of
// one floor do not import each other.
package internal_test

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/countersign-dev/countersign/"

// floors gives every package its floor; see docs/architecture.md.
var floors = map[string]int{
	"internal/action": 0, "internal/redact": 0,
	"internal/incident": 1, "internal/kube": 1, "internal/loglines": 1, "internal/nginx": 1,
	"internal/admission": 2, "internal/audit": 2, "internal/calibrate": 2, "internal/chat": 2, "internal/diagnose": 2,
	"internal/jobs": 2, "internal/llm": 2, "internal/policy": 2, "internal/remediate": 2, "internal/store": 2, "internal/sizing": 2,
	"internal/triage": 2, "internal/watch": 2,
	"internal/respond": 3, "internal/report": 3, "internal/doctor": 3,
	"internal/app":    4,
	"cmd/countersign": 5, "cmd/executor": 5, "cmd/sandbox": 5,
}

// listImports maps each of our packages to those of ours that it imports.
func listImports(t *testing.T, patterns ...string) map[string][]string {
	t.Helper()
	args := append([]string{"list", "-f", `{{.ImportPath}} {{join .Imports " "}}`}, patterns...)
	cmd := exec.Command("go", args...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	graph := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		graph[name] = nil
		for _, imported := range fields[1:] {
			if own, ok := strings.CutPrefix(imported, module); ok {
				graph[name] = append(graph[name], own)
			}
		}
	}
	return graph
}

func TestImportsGoDownTheFloors(t *testing.T) {
	graph := listImports(t, "./cmd/...", "./internal/...")
	for name, imports := range graph {
		if name == "internal" {
			continue
		}
		floor, ok := floors[name]
		if !ok {
			t.Errorf("%s stands on no floor: give it one here and in docs/architecture.md", name)
			continue
		}
		for _, imported := range imports {
			if strings.HasPrefix(imported, "policies") || name == "cmd/sandbox" {
				continue
			}
			below, ok := floors[imported]
			if !ok || below >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d)", name, floor, imported, below)
			}
		}
	}
}

func TestTheExecutorLinksNothingThatTalksToPeopleModelsOrStores(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./cmd/executor")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, dep := range strings.Fields(string(out)) {
		for _, banned := range []string{"slack-go", "go-redis", "open-policy-agent", "google.golang.org/genai", "openai"} {
			if strings.Contains(dep, banned) {
				t.Errorf("the executor links %s", dep)
			}
		}
		if own, ok := strings.CutPrefix(dep, module); ok {
			switch own {
			case "internal/action", "internal/redact", "internal/remediate", "cmd/executor":
			default:
				t.Errorf("the executor links %s", own)
			}
		}
	}
}
