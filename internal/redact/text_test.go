package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestDecodingCannotForgeAText(t *testing.T) {
	secret := "hun" + "ter2"
	var v struct {
		T Text
		M map[string]Text
		P *Text
	}
	raw := `{"T":"password=` + secret + `","M":{"a":"postgres://u:` + secret + `@db/x"},"P":"token: ` + secret + `","s":"` + secret + `"}`
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), secret) {
		t.Errorf("decoded text kept the secret: %s", out)
	}
	var text Text
	if err := text.UnmarshalText([]byte("password=" + secret)); err != nil || strings.Contains(text.String(), secret) {
		t.Errorf("UnmarshalText gave %q, %v", text, err)
	}
	if err := text.UnmarshalJSON([]byte(`{"s":"x"}`)); err == nil {
		t.Error("an object was accepted as text")
	}
}

func TestWhatIsEncodedDecodesToItself(t *testing.T) {
	r := testRedactor()
	for _, row := range hideRows() {
		before := r.Redact(row.text)
		raw, err := json.Marshal(before)
		if err != nil {
			t.Fatal(err)
		}
		var after Text
		if err := json.Unmarshal(raw, &after); err != nil || after != before {
			t.Errorf("%s: %q became %q, %v", row.name, before, after, err)
		}
	}
}

func TestTheZeroTextIsEmpty(t *testing.T) {
	var zero Text
	if !zero.IsEmpty() || zero.String() != "" || zero.Lines() != nil || !zero.Truncate(3).IsEmpty() {
		t.Error("zero Text is not empty")
	}
}

func TestTruncateNeverCutsAPlaceholder(t *testing.T) {
	text := testRedactor().Redact("héllo password=" + "hun" + "ter2 and more")
	for n := range 60 {
		cut := text.Truncate(n)
		if len([]rune(cut.String())) > n {
			t.Errorf("%d runes: got %q", n, cut)
		}
		if strings.Count(cut.String(), "⟨") != strings.Count(cut.String(), "⟩") {
			t.Errorf("%d runes: cut placeholder in %q", n, cut)
		}
		if n > 0 && cut.String() != text.String() && !strings.HasSuffix(cut.String(), "…") {
			t.Errorf("%d runes: no mark in %q", n, cut)
		}
	}
}

func TestCompositionStaysRedacted(t *testing.T) {
	word := Name("hun" + "ter2")
	if got := Sprintf("password=%s", word).String(); strings.Contains(got, word.String()) {
		t.Errorf("Sprintf put a secret together: %q", got)
	}
	if got := Join("=", Literal("token"), word).String(); strings.Contains(got, word.String()) {
		t.Errorf("Join put a secret together: %q", got)
	}
	got := Sprintf("%s took %s at %s with %s of %s", Name("shop/web"), Duration(90*time.Second),
		Time(time.Date(2026, 11, 20, 13, 42, 3, 0, time.UTC)), Int(3), Quantity("128Mi"))
	if want := "shop/web took 1m30s at 2026-11-20T13:42:03Z with 3 of 128Mi"; got.String() != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNamesOfAttackersComeOutAsHarmlessText(t *testing.T) {
	for name, want := range map[string]string{
		"web-6d4cf56db6-x2x4v": "web-6d4cf56db6-x2x4v",
		"--all":                "--all",
		"a\x00b\u202ec":        "abc",
		"a\nb":                 "a b",
		"registry.example.com:5000/team/app:v1@sha256:" + strings.Repeat("0af1", 16): "registry.example.com:5000/team/app:v1@sha256:" + strings.Repeat("0af1", 16),
		"app.kubernetes.io/name": "app.kubernetes.io/name",
	} {
		if got := Name(name).String(); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
	if n := len(Name(strings.Repeat("é ", 64<<10)).String()); n > 4*maxNameRunes {
		t.Errorf("a name of 192 KiB became %d bytes", n)
	}
}

func TestWhatCannotBeLookedAtIsWithheld(t *testing.T) {
	secret := "hun" + "ter2"
	long := "a\n" + strings.Repeat("x", 300) + " password=" + secret + "\nb"
	if got := New(Config{MaxLine: 256}).Redact(long).String(); got != "a\n"+withheldLine+"\nb" {
		t.Errorf("over-long line: %q", got)
	}
	many := strings.Repeat("line of text\n", 100)
	if got := New(Config{MaxTotal: 512}).Redact(many).String(); len(got) > 512 || !strings.HasSuffix(got, withheldTotal) {
		t.Errorf("too much text: %q", got)
	}
	r := New(Config{Budget: time.Second})
	calls := 0
	r.now = func() time.Time { calls++; return time.Unix(int64(calls)*10, 0) }
	if got := r.Redact(strings.Repeat("token=abc ", 200)).String(); got != withheldBudget {
		t.Errorf("budget gone: %q", got)
	}
	var zero Redactor
	var none *Redactor
	if a, b := zero.Redact("harmless"), none.Redact("harmless"); a.String() != withheldError || b.String() != withheldError {
		t.Errorf("a redactor without patterns let through %q, %q", a, b)
	}
	broken := New(Config{Known: func(string) (string, bool) { panic("broken") }})
	if got := broken.Redact("dial tcp 10.1.2.3:80 " + secret).String(); got != withheldError {
		t.Errorf("internal error: %q", got)
	}
}

func TestPseudonymsCorrelateWithinAScopeOnly(t *testing.T) {
	a := New(Config{Key: []byte("k"), Scope: "inc-1"})
	in := "password=" + "hun" + "ter2"
	if a.Redact(in) != New(Config{Key: []byte("k"), Scope: "inc-1"}).Redact(in) {
		t.Error("replicas disagree")
	}
	if a.Redact(in) == a.WithScope("inc-2").Redact(in) || a.Redact(in) == New(Config{Scope: "inc-1"}).Redact(in) {
		t.Error("scopes or keys share a pseudonym")
	}
	if got := a.WithScope("inc-3").Report()["password"]; got != 4 {
		t.Errorf("report counts %d passwords, want 4", got)
	}
}

func TestTheFilterJoinsBlocksAcrossReads(t *testing.T) {
	var in strings.Builder
	for range 4000 {
		in.WriteString("2026-11-20T13:42:03Z stdout F nothing to see here\n")
	}
	in.WriteString(prefixed("2026-11-20T13:42:03Z stdout F ", pem("PRIV"+"ATE KEY", 40)) + "\n")
	in.WriteString(strings.Repeat("z", 3*chunk) + " password=" + "hun" + "ter2\n")
	in.WriteString("last line without newline")
	for name, reader := range map[string]func() *Redactor{"a": testRedactor} {
		var out bytes.Buffer
		if err := Filter(reader(), iotest.HalfReader(strings.NewReader(in.String())), &out, FilterOptions{}); err != nil {
			t.Fatal(name, err)
		}
		got := out.String()
		if strings.Contains(got, "MIIEvQ") || strings.Contains(got, "zzz") || strings.Count(got, "nothing to see") != 4000 {
			t.Errorf("filtered stream is wrong: %d bytes", len(got))
		}
		if !strings.HasSuffix(got, withheldLine+"\nlast line without newline") {
			t.Errorf("end of stream: %q", got[max(0, len(got)-200):])
		}
	}
}

func TestTheFilterReportsReadErrors(t *testing.T) {
	broken := errors.New("broken pipe")
	err := Filter(testRedactor(), iotest.ErrReader(broken), &bytes.Buffer{}, FilterOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
