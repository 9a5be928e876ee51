package incidents

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// compare writes the record, or measures against it.
func compare(t *testing.T, b *Bench, all []Outcome, figures Figures) {
	t.Helper()
	record, err := ReadRecord(recordFile)
	if err != nil {
		t.Fatal(err)
	}
	if *neutral && *set == "" && record.Named != nil && *only == "" {
		t.Logf("names that say nothing change top-1 by %+.1f points", figures.top1()-record.Named.Figures.top1())
	}
	was := record.Named
	switch {
	case *set != "":
		if *neutral && *update {
			t.Fatal("the fresh set is recorded with its own names only: leave out -neutral or -update")
		}
		was = record.Fresh
		if was == nil {
			was = record.FreshFirst
		}
	case *neutral:
		was = record.Neutral
	}
	switch {
	case *only != "":
		if *update {
			t.Error("a record of some scenarios would be none: leave out -only")
		}
		for _, o := range worse(was, all) {
			t.Errorf("%s was right at the last record, now: %s", o.Scenario, o.got())
		}
	case *update:
		m := &Measured{By: command, On: time.Now().UTC().Format(time.DateOnly), Machine: machine(), Figures: figures, Missed: misses(all), Confusion: confusion(all)}
		m.Kubernetes, m.Version = versions(t, b)
		switch {
		case *set != "":
			m.By += " -set " + *set
			if record.FreshFirst == nil {
				record.FreshFirst = m
			} else {
				record.Fresh = m
			}
		case *neutral:
			m.By += " -neutral"
			record.Neutral = m
		default:
			record.Named = m
		}
		m.By += " -update"
		if err := record.Write(recordFile, accuracyFile); err != nil {
			t.Fatal(err)
		}
	case was != nil && figures.top1() < was.Figures.top1():
		t.Errorf("top-1 is %.1f %%, the record says %.1f %%", figures.top1(), was.Figures.top1())
	}
}

// worse are the scenarios that are missed now and were not when m was measured.
func worse(m *Measured, all []Outcome) (out []Outcome) {
	if m == nil {
		return nil
	}
	for _, o := range sorted(all) {
		if !o.OK() && !slices.ContainsFunc(m.Missed, func(known Miss) bool { return known.Scenario == o.Scenario }) {
			out = append(out, o)
		}
	}
	return out
}

func TestOnlyAScenarioThatWasRightCanGetWorse(t *testing.T) {
	m := &Measured{Missed: []Miss{{Scenario: "known"}}}
	all := []Outcome{{Scenario: "right"}, {Scenario: "known", Problems: []string{"p"}}, {Scenario: "new", Problems: []string{"p"}}}
	if got := worse(m, all); len(got) != 1 || got[0].Scenario != "new" {
		t.Errorf("%v", got)
	}
	if worse(nil, all) != nil {
		t.Error("without a record nothing is worse")
	}
}

func machine() string {
	return fmt.Sprintf("%s/%s with %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

func versions(t *testing.T, b *Bench) (kubernetes, program string) {
	t.Helper()
	info, err := b.kube.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), b.Binary, "version").Output()
	if err != nil {
		t.Fatalf("ask %s for its version: %v", b.Binary, err)
	}
	return info.GitVersion, strings.TrimSpace(strings.TrimPrefix(string(out), "countersign"))
}

// buildProgram builds the real binary, as a release would but for -trimpath,
// which would compile everything a second time.
func buildProgram(t *testing.T) string {
	t.Helper()
	if *program != "" {
		return *program
	}
	out := filepath.Join(t.TempDir(), "countersign")
	version, err := exec.CommandContext(t.Context(), "git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		version = []byte("without-git")
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version="+strings.TrimSpace(string(version)), "-o", out, "../../cmd/countersign")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build countersign: %v\n%s", err, said)
	}
	return out
}
