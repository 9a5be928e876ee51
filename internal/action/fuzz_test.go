package action

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// What parses has one meaning and is its only spelling.
func FuzzParseTerms(f *testing.F) {
	for _, a := range actions() {
		raw, err := NewTerms(a, hashOf('f'), at()).Canonical()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(bytes.ReplaceAll(raw, []byte(","), []byte(", ")))
		f.Add(append(raw, '}'))
	}
	f.Add([]byte(`{}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		terms, err := ParseTerms(raw)
		if err != nil {
			if terms != (Terms{}) {
				t.Fatalf("refused terms are not empty: %+v", terms)
			}
			return
		}
		again, err := terms.Canonical()
		if err != nil || !bytes.Equal(raw, again) {
			t.Fatalf("%q was accepted, its canonical form is %q (%v)", raw, again, err)
		}
		if err := terms.Action.Validate(); err != nil {
			t.Fatalf("invalid terms were accepted: %v", err)
		}
	})
}

// An order is accepted only if it is, byte for byte, one that was signed.
func FuzzVerifyOrder(f *testing.F) {
	signed := map[string]bool{}
	for _, a := range actions() {
		text, err := applyOrder(f, a).Encode()
		if err != nil {
			f.Fatal(err)
		}
		signed[text] = true
		f.Add(text, int64(1))
		f.Add(text+"\n", int64(0))
	}
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		now := at().Add(time.Duration(seconds%100) * time.Second)
		o, err := VerifyOrder(text, testKeys(), now)
		if err != nil {
			if raw, _ := json.Marshal(o); o.Execution != "" || o.Mode != "" {
				t.Fatalf("a refused order is not empty: %s", raw)
			}
			return
		}
		if !signed[text] {
			t.Fatalf("nobody signed %q", text)
		}
		if again, err := o.Encode(); err != nil || again != text {
			t.Fatalf("another spelling of %q was accepted", text)
		}
	})
}
