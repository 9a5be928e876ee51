package calibrate

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestNoFigureOfAModelReachesTheShippedRecord: the record has no place for a
// model, the run on a real cluster is its only author, and no outcome has a way
// into it. What a stand-in for a model says can so not pass for a measurement.
func TestNoFigureOfAModelReachesTheShippedRecord(t *testing.T) {
	var r Record
	d := json.NewDecoder(bytes.NewReader(shipped))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if fields := reflect.TypeFor[Record]().NumField(); fields != 2 || r.By != "go test ./test/calibration -run TestMeasure -update" {
		t.Errorf("the record has %d fields and is by %q", fields, r.By)
	}
	models := strings.Fields("model gemini openai llama gpt stub")
	for rule := range r.Rules {
		if slices.ContainsFunc(models, func(word string) bool { return strings.Contains(rule, word) }) {
			t.Errorf("%q is no rule", rule)
		}
	}
	b := NewBook(r, guessed(10, 10, "m"))
	if len(b.shipped.Rules) != len(r.Rules) || len(b.rules) != 0 {
		t.Error("a model's outcomes became a rule's")
	}
	var authors []string
	err := filepath.WalkDir("../..", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if e != nil && e.IsDir() && (e.Name() == "node_modules" || e.Name() == ".git") {
				return fs.SkipDir
			}
			return err
		}
		if filepath.Ext(file) != ".go" && e.Name() != "Makefile" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(filepath.Clean(file), filepath.Clean("../..")+string(filepath.Separator)))
		if bytes.Contains(text, []byte("calibrate/"+"record.json")) {
			authors = append(authors, name)
		}
		return nil
	})
	if err != nil || !slices.Equal(authors, []string{"test/calibration/measure_test.go"}) {
		t.Errorf("the record is named by %q, %v; only the run on a real cluster may write it", authors, err)
	}
}
