package remediate

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// text makes a Text of foreign content, as the executor does.
func text(s string) redact.Text { return redact.New(redact.Config{}).Redact(s) }

func fullResult(hunks, lines int) Result {
	var diff strings.Builder
	for h := range hunks {
		fmt.Fprintf(&diff, "@@ -%d,3 +%d,3 @@\n", h*10+1, h*10+1)
		for l := range lines {
			fmt.Fprintf(&diff, "+line %d of hunk %d <&>\n", l, h)
		}
	}
	hash := action.Hash(strings.Repeat("a", 64))
	return Result{
		Version: Version, Execution: "cs-r0-" + cartUID + "-aaaaaaaaaaaa", Mode: action.Rehearse, Proposal: hash, State: Rehearsed,
		UID: cartUID, Before: hash, After: hash, Diff: text(strings.TrimSuffix(diff.String(), "\n")),
		Facts:      Facts{NamespaceLabels: []Label{{"team", "web"}}, Ready: 1, Desired: 3},
		ServerTime: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC), Took: 40 * time.Millisecond,
	}
}

func TestADiffThatDoesNotFitIsCutByHunkAndCounted(t *testing.T) {
	for _, tc := range []struct{ hunks, lines, missing int }{{1, 3, 0}, {3, 3, 0}, {9, 40, 7}, {2, 400, 2}, {1, 400, 1}, {0, 0, 0}} {
		r := fullResult(tc.hunks, tc.lines)
		raw := r.Encode()
		if len(raw) > MaxResult {
			t.Errorf("%+v: %d bytes", tc, len(raw))
		}
		got, err := DecodeResult(raw)
		if err != nil {
			t.Fatalf("%+v: %v", tc, err)
		}
		shown := strings.Count(got.Diff.String(), "@@ -")
		if shown+got.DiffMissing != tc.hunks || got.DiffMissing != tc.missing {
			t.Errorf("%+v: %d shown, %d missing", tc, shown, got.DiffMissing)
		}
		if shown > 0 && strings.Count(got.Diff.String(), "\n") != shown*(tc.lines+1)-1 {
			t.Errorf("%+v: a hunk is cut inside:\n%s", tc, got.Diff)
		}
		if got.State != Rehearsed || got.Before != r.Before || got.Facts.Desired != 3 {
			t.Errorf("%+v: the rest did not survive: %+v", tc, got)
		}
	}
}

func TestAResultFitsWhateverIsInIt(t *testing.T) {
	r := fullResult(3, 100)
	long := strings.Repeat("\u2028", 3000)
	r.Reason = text(long)
	r.Facts.Helm, r.Facts.Budget = text(long), text(long)
	for range 500 {
		r.Facts.Editors = append(r.Facts.Editors, text("kubectl"))
		r.Probes = append(r.Probes, Attempt{"host-network", ByPolicy})
	}
	raw := r.Encode()
	if len(raw) > MaxResult {
		t.Fatalf("%d bytes", len(raw))
	}
	if got, err := DecodeResult(raw); err != nil || got.State != Rehearsed || got.DiffMissing != 3 {
		t.Errorf("%v: %s", err, raw)
	}
	r.Execution = strings.Repeat("x", 5000)
	if raw := r.Encode(); len(raw) > MaxResult {
		t.Errorf("%d bytes", len(raw))
	}
}

func TestAMessageThatIsNoResultIsRefused(t *testing.T) {
	good := string(fullResult(1, 1).Encode())
	for name, raw := range map[string]string{
		"nothing":                      "",
		"null":                         "null",
		"an array":                     "[]",
		"an empty object":              "{}",
		"a cut one":                    good[:len(good)-1],
		"a second value":               good + "{}",
		"a stray bracket":              good + "]",
		"an unknown field":             strings.Replace(good, `{`, `{"approved":true,`, 1),
		"another version":              strings.Replace(good, `"v":1`, `"v":2`, 1),
		"no state":                     strings.Replace(good, `"state":"rehearsed"`, `"state":""`, 1),
		"an unknown state":             strings.Replace(good, `"state":"rehearsed"`, `"state":"approved"`, 1),
		"an unknown mode":              strings.Replace(good, `"mode":"rehearse"`, `"mode":"force"`, 1),
		"applied by a rehearsal":       strings.Replace(good, `"state":"rehearsed"`, `"state":"applied"`, 1),
		"rehearsed by an execution":    strings.Replace(good, `"mode":"rehearse"`, `"mode":"apply"`, 1),
		"probed by a rehearsal":        strings.Replace(good, `"state":"rehearsed"`, `"state":"probed"`, 1),
		"a malformed hash":             strings.Replace(good, `"before":"aaaa`, `"before":"zzzz`, 1),
		"a rehearsal without its hash": strings.Replace(good, `"before":"`+strings.Repeat("a", 64)+`",`, ``, 1),
		"a rehearsal of nothing":       strings.Replace(good, `"uid":"`+cartUID+`",`, ``, 1),
		"an execution of no Job":       strings.Replace(good, `"execution":"cs-r0`, `"execution":"cs-x0`, 1),
		"a UID of no object":           strings.Replace(good, `"uid":"`, `"uid":"0000`, 1),
		"a code of prose":              strings.Replace(good, `"state"`, `"code":"<!here> hello","state"`, 1),
		"a label that is none":         strings.Replace(good, `"value":"web"`, `"value":"<!here>"`, 1),
		"an owner of prose":            strings.Replace(good, `"ready":1`, `"owners":[{"apiVersion":"v1","kind":"Pod","name":"<!here> press approve"}],"ready":1`, 1),
		"a negative count":             strings.Replace(good, `"ready":1`, `"ready":-1`, 1),
		"a time in another zone":       strings.Replace(good, `14:00:00Z`, `14:00:00+01:00`, 1),
		"more than a message":          strings.Replace(good, `{`, `{`+strings.Repeat(" ", MaxResult), 1),
	} {
		if raw == good {
			t.Fatalf("%s: the test changes nothing", name)
		}
		if r, err := DecodeResult([]byte(raw)); err == nil {
			t.Errorf("%s was read as %+v", name, r)
		} else if r.State != "" {
			t.Errorf("%s: refused, and yet its state is %s", name, r.State)
		}
	}
}

func FuzzDecodeResult(f *testing.F) {
	f.Add(fullResult(2, 3).Encode())
	f.Add(fullResult(9, 90).Encode())
	f.Add([]byte(`{"v":1,"state":"refused","code":"pdb","reason":"no","facts":{"ready":0,"desired":0}}`))
	f.Add([]byte(`{"v":1,"state":"failed","facts":{"ready":0,"desired":0}} `))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := DecodeResult(raw)
		if err != nil {
			if r.State != "" || r.Mode != "" {
				t.Fatalf("refused, and yet not empty: %+v", r)
			}
			return
		}
		again := r.Encode()
		if len(again) > MaxResult {
			t.Fatalf("%d bytes", len(again))
		}
		back, err := DecodeResult(again)
		if err != nil || back.State != r.State || back.Code != r.Code {
			t.Fatalf("%s became %s (%v)", raw, again, err)
		}
		if !bytes.Equal(back.Encode(), again) {
			t.Fatalf("encoding is not stable: %s", again)
		}
	})
}
