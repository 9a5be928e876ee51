package redact

import (
	"strings"
	"testing"
	"time"
)

// Text that is nothing but anchors, in one line and in many, must take time in
// proportion to its length: four times the text well under sixteen times the
// time. A loaded machine slows both.
func TestDenseInputStaysWithinItsTime(t *testing.T) {
	r := New(Config{Budget: time.Minute})
	for _, unit := range []string{
		"password=", "password=x ", "password: ", "password", `"password":"`, `"value":"x","name":"password",`, "--password ", "://", "://a:b@", "a://b/c:d@",
		"eyJ", "eyJhbGciOiJIUzI1NiJ9.", "-----BEGIN ", "-----BEGIN A-----\n", "-----BEGIN A PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n",
		"a@b.cd", "a@", "%41", "%41=", "kind: Secret\ndata:\n", "kind: Secret ", `"kind":"Secret","data":{"a":"b"},`, "stringData: {", "stringData:\n a: b\n",
		"mysql -p", "curl -u a:b ", "docker ", "--from-literal=a=b ", "Cookie: a=b;", "Authorization: ", "Bearer ", "Basic YTpi ", "1.2.3.4 ", "1.", "::", "a:", "4111 ",
		"+49 ", "DE89 ", "@tcp(", "a:@tcp(", "jdbc:oracle:", "q~", ":AA", "⟨", "⟨password⟩", "password=⟨password⟩", "⟨svc a/b⟩", "\\", "\\\"password\\\":\\\"", "tokens: [a, ",
		"password: |\n  a\n", "password is ", "a=", "'", "cGFzc3dvcmQ9eHh4eHh4eHh4eHg=", "cGFzc3dvcmQ9eHh4eHh4eHh4eHg", "6d6d6d6d", "\x1b[", "\r", "login a password ",
	} {
		for _, newline := range []string{"", "\n"} {
			text := func(n int) string { return strings.Repeat(unit+newline, n/len(unit+newline)) }
			long := quickest(t, r, text(32<<10))
			if long < 300*time.Millisecond {
				continue // too quick to tell anything
			}
			if short := quickest(t, r, text(8<<10)); long > 12*short {
				t.Errorf("%q: 8 KiB took %v, 32 KiB %v", unit+newline, short, long)
			}
		}
	}
}

// quickest returns the least time of three that r takes for text.
func quickest(t *testing.T, r *Redactor, text string) time.Duration {
	t.Helper()
	least := time.Hour
	for range 3 {
		start := time.Now()
		if out := r.Redact(text).String(); strings.Contains(out, withheldError) || out == withheldBudget {
			t.Errorf("%.40q…: %s", text, out)
		}
		least = min(least, time.Since(start))
	}
	return least
}
