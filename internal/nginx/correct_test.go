package nginx

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
)

func options() Options { return Options{Redactor: redact.New(redact.Config{}), All: true} }

// corrected applies what Correct hands out, as whoever takes the replacements
// would: line by line on the original text.
func corrected(t *testing.T, texts map[string]string, list []Correction) map[string]string {
	t.Helper()
	out := maps.Clone(texts)
	for _, c := range list {
		name := c.File.String()
		src := texts[name]
		if got := sum(src); got != c.Before {
			t.Fatalf("%s: the hash before is %s, want %s", name, c.Before, got)
		}
		lines := strings.SplitAfter(src, "\n")
		for _, r := range c.Lines {
			line := lines[r.Line-1]
			body := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if body != r.Before.String() {
				t.Fatalf("%s: line %d is %q, the replacement says %q", name, r.Line, body, r.Before)
			}
			eol := line[len(body):]
			within := eol
			if within == "" {
				within = "\n"
				if r.Line > 1 {
					within = lines[r.Line-2][len(strings.TrimRight(lines[r.Line-2], "\r\n")):]
				}
			}
			lines[r.Line-1] = strings.ReplaceAll(r.After.String(), "\n", within) + eol
		}
		out[name] = strings.Join(lines, "")
		if got := sum(out[name]); got != c.After {
			t.Fatalf("%s: the hash after is %s, want %s of\n%s", name, c.After, got, out[name])
		}
	}
	return out
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// improves holds what every correction promises.
func improves(t *testing.T, texts map[string]string) {
	t.Helper()
	list, err := Correct(texts, options(), nil)
	if err != nil {
		return
	}
	after := corrected(t, texts, list)
	w := &worker{o: options()}
	was, err := w.look(texts)
	if err != nil {
		t.Fatal(err)
	}
	is, err := w.look(after)
	if err != nil {
		t.Fatalf("the corrected text cannot be read: %v", err)
	}
	if len(list) > 0 && !better(was, is) {
		t.Errorf("the correction leaves as much that is wrong:\n%v\nbecomes\n%v", texts, after)
	}
	again, err := Correct(after, options(), nil)
	if err != nil || len(again) > 0 {
		t.Errorf("the corrected text is corrected once more: %v %v\n%q", err, again, after)
	}
}

func TestCorrectionsLeaveLessThatIsWrongAndAreFinal(t *testing.T) {
	for _, e := range examples {
		improves(t, map[string]string{"f.conf": e.bad})
	}
	files, _ := filepath.Glob("testdata/valid/*.conf")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n, m := range mutations(string(raw)) {
			if n%25 == 0 {
				improves(t, map[string]string{"f.conf": m.text})
			}
		}
	}
}

func TestTheCorrectedTextIsWhatAPersonWouldWrite(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"semicolons, a brace and a name", "server {\n    listen 80 # web\n    root /srv\n    loction /b {\n        autoindex off\n    }\n",
			"server {\n    listen 80; # web\n    root /srv;\n    location /b {\n        autoindex off;\n    }\n}\n"},
		{"lines end as they did", "server {\r\n    listen 80\r\n    root /srv;\r\n", "server {\r\n    listen 80;\r\n    root /srv;\r\n}\r\n"},
		{"without an end", "user nginx", "user nginx;"},
		{"a quote", "server {\n    add_header A \"b;\n    add_header C \"d\";\n}\n", "server {\n    add_header A \"b\";\n    add_header C \"d\";\n}\n"},
		{"access", "location /admin {\n    allow 10.96.0.0/12;\n}\nlocation /files {\n    alias /data/;\n}\n", "location /admin {\n    allow 10.96.0.0/12;\n}\nlocation /files/ {\n    alias /data/;\n}\n"},
		{"two in one line", "server {\n    root /srv index index.html;\n}\n", "server {\n    root /srv; index index.html;\n}\n"},
		{"headers", "server {\n    add_header X-Frame-Options DENY;\n    ssl_protocols SSLv3 TLSv1 TLSv1.2;\n}\n", "server {\n    add_header X-Frame-Options DENY always;\n    ssl_protocols TLSv1.2;\n}\n"},
	} {
		texts := map[string]string{"f.conf": c.before}
		list, err := Correct(texts, options(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := corrected(t, texts, list)["f.conf"]; got != c.after {
			t.Errorf("%s: have\n%q\nwant\n%q", c.name, got, c.after)
		}
	}
}

func TestALineThatHoldsASecretIsNeverCorrected(t *testing.T) {
	password := "hunter2-" + strings.Repeat("x7Kq", 6)
	text := "server {\n    listen 80\n    set $api_key \"" + password + "\"\n    proxy_set_header Authorization \"Bearer " + password + "\"\n    root /srv\n}\n"
	list, err := Correct(map[string]string{"f.conf": text}, options(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 {
		t.Fatalf("have %d corrections", len(list))
	}
	var lines []int
	for _, l := range list[0].Lines {
		lines = append(lines, l.Line)
	}
	if !slices.Equal(lines, []int{2, 5}) || !list[0].Refused {
		t.Errorf("lines %v are corrected, refused %t", lines, list[0].Refused)
	}
	if strings.Contains(list[0].Diff.String(), password) {
		t.Error("the diff holds the secret")
	}
	r, err := Check(map[string]string{"f.conf": text}, options())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		for _, said := range []redact.Text{f.Message, f.Quote} {
			if strings.Contains(said.String(), password) {
				t.Errorf("line %d tells the secret: %s", f.Line, said)
			}
		}
		if (f.Line == 3 || f.Line == 4) && len(f.Fix) > 0 {
			t.Errorf("line %d is offered a correction: %v", f.Line, f.Fix)
		}
	}
}

// TestASecretOverSeveralLinesIsNeverCorrected: its lines are harmless one by one.
func TestASecretOverSeveralLinesIsNeverCorrected(t *testing.T) {
	body := strings.Repeat("MIIEpAIBAAKCAQEA7", 3)
	pem := "-----BEGIN RSA " + "PRIVATE KEY-----\n" + body + "\n" + body + " on\n-----END RSA " + "PRIVATE KEY-----"
	text := "server {\n    set $k \"" + pem + "\";\n    autoindex on;\n    root /srv\n}\n"
	list, err := Correct(map[string]string{"f.conf": text}, options(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		for _, l := range c.Lines {
			if l.Line < 6 {
				t.Errorf("line %d is corrected: %s", l.Line, l.Before)
			}
		}
	}
	if len(list) != 1 || len(list[0].Lines) != 2 {
		t.Errorf("the lines behind the secret are not corrected: %v", list)
	}
}

func TestOnlyWhatIsWantedIsCorrected(t *testing.T) {
	texts := map[string]string{"f.conf": "server {\n    autoindex on;\n    root /srv\n}\n"}
	list, err := Correct(texts, options(), func(_ string, s Severity) bool { return s == Refused })
	if err != nil {
		t.Fatal(err)
	}
	if got := corrected(t, texts, list)["f.conf"]; got != "server {\n    autoindex on;\n    root /srv;\n}\n" || list[0].Refused {
		t.Errorf("have %q", got)
	}
}

func TestHostileTextIsReadInBoundedTime(t *testing.T) {
	for name, text := range map[string]string{
		"deep":      strings.Repeat("location / {", 100_000),
		"wide":      strings.Repeat("add_header A b;\n", 50_000),
		"unknown":   strings.Repeat("proxyy_pas x;\n", 5_000),
		"servers":   "http {" + strings.Repeat("server { listen 80; }\n", 20_000) + "}",
		"words":     "log_format a " + strings.Repeat("listen ", 100_000) + ";",
		"sets":      "server {" + strings.Repeat("set $a $a$b; set $b $a$b;\n", 5000) + strings.Repeat("location / { proxy_pass http://$a; }", 2000) + "}",
		"lost":      "server {" + strings.Repeat("root /srv\n", 150) + " %;}",
		"no ends":   strings.Repeat("root /srv\n", 50_000),
		"braces":    strings.Repeat("}\n", 100_000),
		"quotes":    strings.Repeat("a \"b\n", 50_000),
		"backslash": strings.Repeat(`\`, 500_000),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Check(map[string]string{"f.conf": text}, options()); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := Check(map[string]string{"f.conf": strings.Repeat("#", MaxBytes+1)}, options()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than the bound: %v", err)
	}
}
