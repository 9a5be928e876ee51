package loglines

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestEveryMatchHoldsAWord(t *testing.T) {
	for expr, want := range map[string][]string{
		`connection refused`:               {"connection refused"},
		`(?i)Connection Refused|no route`:  {"connection refused", "no route"},
		`^x(?:abc|de)y`:                    {"xabcy", "xdey"},
		`(?i)[|"=](?:error|err|emerg)[:=]`: {"error", "err", "emerg"},
		`\d(?:abc|de)\d`:                   nil, // de says too little
		`a+(?:abcd)?`:                      nil,
		`\bfoo\d+barbaz$`:                  {"barbaz"},
		`(?:error){2,3}: `:                 {"errorerror: ", "errorerrorerror: "},
		`(?i)kelvin scale`:                 {"kelvin scale"},
		`.*`:                               nil,
	} {
		got := linePattern(expr).words
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

// everyPattern are those that ask their words first.
func everyPattern() []*pattern {
	all := slices.Concat(unsetVar, clientWords, looseWords)
	for _, c := range clues {
		all = append(all, c.pattern)
	}
	for _, f := range callFailures {
		all = append(all, f.pattern)
	}
	return append(all, mild, trace, errorLine, keyError, connectedBefore, ownMachine, wrapsItsWords,
		goesOn, laterFailure, reached, notReached, causedBy, works, listens)
}

func agree(t *testing.T, s string) {
	t.Helper()
	for _, p := range everyPattern() {
		if got, want := p.MatchString(s), p.Regexp.MatchString(s); got != want {
			t.Errorf("%q: with words %v, without %v: %s %q", s, got, want, p, p.words)
		}
	}
}

func TestTheWordsChangeNoAnswer(t *testing.T) {
	files, err := filepath.Glob("../diagnose/testdata/*/captured.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured logs: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c struct{ Logs []struct{ Text string } }
		if err := yaml.Unmarshal(raw, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, l := range c.Logs {
			for s := range strings.SplitSeq(l.Text, "\n") {
				agree(t, s)
				agree(t, strings.ToUpper(s))
			}
		}
	}
	for _, s := range []string{"", "\xff\xfe", "CONNECTION REFUſED", "\u212Aeyerror: x", strings.Repeat("İ", 40) + " connection refused"} {
		agree(t, s)
	}
}

func FuzzTheWordsChangeNoAnswer(f *testing.F) {
	f.Add("FATAL: could not connect to cache:6379: connection refused")
	f.Add("Traceback (most recent call last):")
	f.Add("environment variable X_Y is not set")
	f.Fuzz(agree)
}
