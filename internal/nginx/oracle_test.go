package nginx

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
)

// nginxTest asks the real nginx. It returns the line that its error names (0 for
// none) and its words; refused is its verdict.
func nginxTest(t *testing.T, binary, text string) (refused bool, line int, words string) {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The log of a refused start goes to stderr in any case.
	cmd := exec.Command(binary, "-t", "-q", "-p", dir, "-c", conf, "-e", "stderr")
	var out bytes.Buffer
	cmd.Stderr = &out
	err := cmd.Run()
	for _, l := range strings.Split(out.String(), "\n") {
		at, ok := ReadLog(l)
		if ok {
			return err != nil, at.Line, at.Words
		}
	}
	return err != nil, 0, strings.TrimSpace(out.String())
}

// ours is the verdict of this package, with the line that nginx would name.
func ours(t *testing.T, text string) (refused bool, line int, rule, said string) {
	t.Helper()
	r, err := Check(map[string]string{"nginx.conf": text}, Options{Redactor: redact.New(redact.Config{}), All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Severity == Refused && (line == 0 || f.Reported < line) {
			refused, line, rule, said = true, f.Reported, f.Rule, f.Message.String()
		}
	}
	return refused, line, rule, said
}

// where finds nginx, also where root's PATH is not set.
func where(t *testing.T) string {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skip("NGINX IS NOT INSTALLED: nothing was compared with the real one (apt-get install nginx-light)")
	return ""
}

// mutation spoils a configuration in one place, or leaves it valid.
type mutation struct {
	kind string
	text string
}

// mutations makes one text for each place and kind.
func mutations(base string) []mutation {
	lines := strings.Split(base, "\n")
	var out []mutation
	with := func(kind string, n int, line string) {
		changed := append(append(append([]string{}, lines[:n]...), line), lines[n+1:]...)
		out = append(out, mutation{kind, strings.Join(changed, "\n")})
	}
	for n, l := range lines {
		body := strings.TrimSpace(l)
		indent := l[:len(l)-len(strings.TrimLeft(l, " "))]
		switch {
		case body == "":
			continue
		case body == "}":
			with("brace removed", n, "")
			with("brace doubled", n, l+"\n"+l)
		case strings.HasSuffix(body, "{"):
			with("opening brace removed", n, strings.TrimSuffix(l, " {"))
			with("block misspelt", n, indent+misspell(body))
			with("block doubled as a directive", n, strings.TrimSuffix(l, " {")+";")
		case strings.HasSuffix(body, ";"):
			with("semicolon removed", n, strings.TrimSuffix(l, ";"))
			with("directive misspelt", n, indent+misspell(body))
			with("words exchanged for none", n, indent+strings.Fields(strings.TrimSuffix(body, ";"))[0]+";")
			with("argument added", n, strings.TrimSuffix(l, ";")+" surplus1 surplus2;")
			with("moved to the top", n, "")
			out[len(out)-1].text = body + "\n" + out[len(out)-1].text
			with("doubled", n, l+"\n"+l)
			with("comment behind", n, l+" # a ; comment { with \" everything }")
			if strings.HasSuffix(body, " on;") || strings.HasSuffix(body, " off;") {
				with("flag spoilt", n, regexp.MustCompile(` (on|off);$`).ReplaceAllString(l, " yes;"))
			}
			if strings.Contains(body, `"`) {
				with("quote removed", n, strings.Replace(l, `"`, "", 1))
			}
		}
	}
	return out
}

// misspell exchanges two letters of a directive's name.
func misspell(body string) string {
	return body[1:2] + body[:1] + body[2:]
}

// agreementFloor is the share of verdicts that must be the real nginx's.
const agreementFloor = 0.97

func TestVerdictsAgreeWithTheRealNginx(t *testing.T) {
	binary := where(t)
	files, err := filepath.Glob("testdata/valid/*.conf")
	if err != nil || len(files) == 0 {
		t.Fatal("no configurations to spoil:", err)
	}
	type count struct{ all, verdict, refused, line int }
	total, byKind := count{}, map[string]*count{}
	seen := map[string]bool{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range append(mutations(string(raw)), mutation{"valid", string(raw)}) {
			if seen[m.text] {
				continue
			}
			seen[m.text] = true
			theirs, line, words := nginxTest(t, binary, m.text)
			mine, at, rule, said := ours(t, m.text)
			k := byKind[m.kind]
			if k == nil {
				k = &count{}
				byKind[m.kind] = k
			}
			for _, c := range []*count{&total, k} {
				c.all++
				if theirs == mine {
					c.verdict++
				}
				if theirs && mine {
					c.refused++
					if line == at || line == 0 && at == -1 {
						c.line++
					}
				}
			}
			if theirs != mine {
				t.Logf("%s, %s: nginx refused=%t %q line %d; here refused=%t %s %q line %d", filepath.Base(name), m.kind, theirs, words, line, mine, rule, said, at)
			}
		}
	}
	for kind, c := range byKind {
		t.Logf("%-30s %4d of %4d verdicts alike, %4d of %4d lines", kind, c.verdict, c.all, c.line, c.refused)
	}
	t.Logf("agreement with %s: %d of %d verdicts (%.1f %%), %d of %d lines that nginx names (%.1f %%)", version(t, binary), total.verdict, total.all,
		100*float64(total.verdict)/float64(total.all), total.line, total.refused, 100*float64(total.line)/float64(total.refused))
	if total.all < 200 {
		t.Errorf("only %d configurations were compared", total.all)
	}
	if float64(total.verdict) < agreementFloor*float64(total.all) {
		t.Errorf("%d of %d verdicts are the real nginx's, which is less than %.0f %%", total.verdict, total.all, 100*agreementFloor)
	}
}

func version(t *testing.T, binary string) string {
	t.Helper()
	out, err := exec.Command(binary, "-v").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(out), "nginx version: "))
}
