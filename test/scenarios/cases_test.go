package scenarios_test

import (
	"flag"
	"path/filepath"
	"testing"
)

var casesDir = flag.String("cases", "", "play cases/*.txtar and keep the cases that they export in this directory")

// TestCases makes incidents on the real cluster, has people say what they were,
// and keeps what the product exports. The files of test/cases are made like this.
func TestCases(t *testing.T) {
	if *casesDir == "" {
		t.Skip("SKIPPED, no cases are recorded: -cases DIR asks for it")
	}
	dir, err := filepath.Abs(*casesDir)
	if err != nil {
		t.Fatal(err)
	}
	play(t, playConfig{name: "case", files: stories(t, "cases/*.txtar"), env: seconds, vars: map[string]string{"CASES": dir}})
}
