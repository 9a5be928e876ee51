package redact

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// hidden is what the rows of mustHide plant. It is put together at run time,
// so that secret scanners do not trip over the tests.
var hunter = "hun" + "ter2"

func testRedactor() *Redactor {
	return New(Config{
		Key:   []byte("test key"),
		Scope: "inc-1",
		Known: func(addr string) (string, bool) {
			switch addr {
			case "10.96.3.4", "cache", "cache.shop.svc.cluster.local":
				return "svc shop/cache", true
			}
			return "", false
		},
	})
}

func TestATellingNameHidesItsValueInEveryStyleAndCarrier(t *testing.T) {
	names := []string{
		"password", "PASSWORD", "DB_PASSWORD", "dbPassword", "db-password", "DbPasswd", "db.password", "PGPASSWORD",
		"MYSQL_PWD", "redisPass", "spring.datasource.password", "secret", "CLIENT_SECRET", "clientSecret", "client-secret",
		"token", "API_TOKEN", "apiToken", "x-auth-token", "githubToken", "api_key", "apiKey", "API-KEY", "APIKey",
		"secret_key_base", "AWS_SECRET_ACCESS_KEY", "privateKey", "signing_key", "ENCRYPTION_KEY", "credential",
		"vault_credentials", "passphrase", "jwtSecret", "PASSWORD1", "password_prod", "SESSION_SECRET", "accountKey",
	}
	carriers := []string{
		"%s=%s", "export %s=%s", "%s: %s", "  - %s: %s", "%s = %s", `%s="%s"`, `%s='%s'`, "%s: '%s'", `"%s":"%s"`, `{"%s": "%s", "port": 5432}`,
		`{\"%s\":\"%s\",\"port\":1}`, `{'%s': '%s'}`, `%s => "%s"`, "{Host:db %s:%s Port:5432}", `&Config{%s:"%s", Port:5432}`,
		"host=db %s=%s port=5432", "Server=db;%s=%s;Port=1", "jdbc:postgresql://db/shop?user=x&%s=%s&ssl=true",
		"--%s=%s --port 1", "--%s %s --port 1", `["--%s","%s"]`, "- --%s\n- %s\n", "<%s>%s</x>", `-D%s=%s -jar x.jar`,
		`{"name":"%s","value":"%s"}`, "- name: %s\n  value: %s\n", "{Name:%s Value:%s ValueFrom:nil}", `{"msg":"starting\n%s=%s\nready"}`,
		`2026-11-20T13:42:03.123456789Z %s=%s`, "2026-11-20T13:42:03Z stderr F %s: %s", "level=info %s=%s msg=ok", "a%%26%s%%3D%s%%26b",
		"\x1b[32m%s\x1b[0m=\x1b[1m%s\x1b[0m", "%s := %s", `%s: (string) (len=7) "%s"`, "%s: [%s]", "%s=%s)", "(%s=%s)", "?a=b\\u0026%s=%s\\u0026c=d",
	}
	values := []string{hunter, "S3cr" + "et!x", "correct" + "horse", "0815", "p@ss#w%rd"}
	r := testRedactor()
	for _, carrier := range carriers {
		for _, name := range names {
			for _, value := range values {
				text := fmt.Sprintf(carrier, name, value)
				got := r.Redact(text).String()
				if strings.Contains(strings.ReplaceAll(got, name, ""), value) {
					t.Errorf("%q: value survived as %q", text, got)
				}
				if !strings.Contains(got, name) && !strings.Contains(text, "\x1b") {
					t.Errorf("%q: name lost in %q", text, got)
				}
			}
		}
	}
}

func TestSecretsAreHiddenWhereverTheyStand(t *testing.T) {
	r := testRedactor()
	for _, row := range hideRows() {
		got := r.Redact(row.text).String()
		for _, secret := range row.secrets {
			if strings.Contains(got, secret) {
				t.Errorf("%s: %q survived in %q", row.name, secret, got)
			}
		}
		for _, rest := range row.stays {
			if !strings.Contains(got, rest) {
				t.Errorf("%s: %q is missing from %q", row.name, rest, got)
			}
		}
	}
}

func TestWhatTellsSurvives(t *testing.T) {
	r := testRedactor()
	for _, text := range surviveRows() {
		if got := r.Redact(text).String(); got != text {
			t.Errorf("changed\n in  %q\n out %q", text, got)
		}
	}
}

var wellFormed = regexp.MustCompile(`⟨([a-z][a-z0-9-]*(:[0-9a-f]{6})?|(svc|pod|node|endpoint|ingress|host) [a-z0-9./-]+|withheld:[a-z -]+)⟩`)

func TestEveryRowIsAFixedPointAndWellFormed(t *testing.T) {
	r := testRedactor()
	other := New(Config{Key: []byte("another key")})
	for _, row := range hideRows() {
		once := r.Redact(row.text)
		for name, again := range map[string]Text{"same": r.Redact(once.String()), "other": other.Redact(once.String()), "builtin": settle(once.String())} {
			if again != once {
				t.Errorf("%s: not settled for %s:\n once  %q\n again %q", row.name, name, once, again)
			}
		}
		if rest := wellFormed.ReplaceAllString(once.String(), ""); strings.ContainsAny(rest, "⟨⟩") {
			t.Errorf("%s: malformed placeholder in %q", row.name, once)
		}
	}
}
