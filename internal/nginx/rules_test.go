package nginx

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
)

// example is a configuration that a rule is about, and one that comes near.
type example struct {
	rule string
	bad  string
	good string
}

// mainOf wraps the content of http in a whole configuration, in which rules about
// what is missing can be sure.
func mainOf(http string) string {
	return "events {\n    worker_connections 1024;\n}\nhttp {\n    server_tokens off;\n" + http + "\n}\n"
}

func serverOf(content string) string { return mainOf("server {\n listen 80;\n" + content + "\n}") }

var examples = []example{
	{"missing-semicolon", "server {\n listen 8080\n root /srv;\n}", "server {\n listen\n 8080;\n root /srv;\n}"},
	{"missing-semicolon", "server {\n root /srv\n}", "server {\n root /srv; }"},
	{"missing-semicolon", "map $a $b {\n default 0\n x 1;\n}", "map $a $b {\n default 0;\n x 1;\n}"},
	{"swallowed-directive", "server {\n server_name a.example\n root /srv;\n}", "server {\n server_name a.example\n  b.example;\n root /srv;\n}"},
	{"unclosed-block", "server {\n location / {\n  root /srv;\n}\n", "server {\n location / {\n  root /srv;\n}}\n"},
	{"unexpected-brace", "server {\n root /srv;\n}\n}\n", "server {\n if ($a ~ \"}\") { return 404; }\n}\n"},
	{"missing-block", "server\n listen 80;\n}", "upstream a {\n server\n 127.0.0.1:80;\n}"},
	{"unclosed-quote", "server {\n add_header A \"b;\n add_header C \"d\";\n}", "server {\n add_header A \"b;\n c\";\n}"},
	{"unexpected-character", "server {\n root \"/srv\"x;\n}", "server {\n root /srv\"x;\n}"},
	{"parameter-too-long", "server {\n return 200 \"" + strings.Repeat("x", 4200) + "\";\n}", "server {\n return 200 \"" + strings.Repeat("x", 3900) + "\";\n}"},
	{"too-large", strings.Repeat("if ($a) {\n", 80) + strings.Repeat("}\n", 80), strings.Repeat("location / {\n", 20) + strings.Repeat("}\n", 20)},
	{"unknown-directive", "server {\n lisen 80;\n}", "server {\n more_set_headers 'A: b';\n}"},
	{"plus-directive", "upstream a {\n server 127.0.0.1;\n ntlm;\n}", "upstream a {\n server 127.0.0.1;\n ip_hash;\n}"},
	{"module-directive", "server {\n brotli on;\n}", "server {\n gzip on;\n}"},
	{"misplaced-directive", "events {}\nhttp {\n location / {}\n}", "events {}\nhttp {\n server { location / {} }\n}"},
	{"wrong-arguments", "server {\n root /a /b;\n}", "server {\n root \"/a /b\";\n}"},
	{"not-on-or-off", "server {\n autoindex yes;\n}", "server {\n autoindex OFF;\n}"},
	{"wrong-parameter", "server {\n listen 80 default_srv;\n}", "server {\n listen 80 default_server;\n}"},
	{"duplicate-directive", "server {\n root /a;\n root /b;\n}", "server {\n root /a;\n location /b { root /b; }\n}"},
	{"duplicate-directive", "server {\n location /a {}\n location /a {}\n}", "server {\n location /a {}\n location = /a {}\n}"},
	{"wrong-map-entry", "map $a $b {\n default 0 1 2;\n}", "map $a $b {\n hostnames;\n default 0;\n}"},
	{"no-events", "http {\n server { listen 80; }\n}", "include events.conf;\nhttp {\n server { listen 80; }\n}"},
	{"regex-location-uri", "server {\n location ~ ^/a {\n proxy_pass http://b/;\n}\n}", "server {\n location ~ ^/a {\n proxy_pass http://b;\n}\n}"},
	{"ssl-without-certificate", mainOf("server { listen 443 ssl; }"), mainOf("ssl_certificate a.pem; ssl_certificate_key a.key; server { listen 443 ssl; }")},
	{"duplicate-default-server", "server { listen 80 default_server; }\nserver { listen 80 default_server; }", "server { listen 80 default_server; }\nserver { listen 81 default_server; }"},

	{"alias-traversal", "location /files {\n alias /data/files/;\n}", "location /files {\n alias /data/files;\n}"},
	{"root-exposed", "server {\n root /;\n}", "server {\n root /srv/;\n}"},
	{"autoindex", "server {\n autoindex on;\n}", "server {\n autoindex off;\n}"},
	{"hidden-files", serverOf("root /srv;"), serverOf("root /srv;\n location ~ /\\.(?!well-known) { deny all; }")},
	{"allow-without-deny", "location /admin {\n allow 10.0.0.0/8;\n}", "location /admin {\n allow 10.0.0.0/8;\n deny all;\n}"},
	{"rule-behind-deny-all", "location /a {\n deny all;\n allow 10.0.0.0/8;\n}", "location /a {\n allow 10.0.0.0/8;\n deny all;\n}"},
	{"return-before-access", "location /a {\n allow 10.0.0.1;\n deny all;\n return 200;\n}", "location /a {\n allow 10.0.0.1;\n deny all;\n if ($x) { return 200; }\n}"},
	{"status-exposed", serverOf("location /s {\n stub_status;\n}"), serverOf("location /s {\n stub_status;\n allow 127.0.0.1;\n deny all;\n}")},
	{"valid-referers-none", "location /a {\n valid_referers none server_names;\n}", "location /a {\n valid_referers server_names;\n}"},
	{"origin-pattern", "server {\n if ($http_origin ~ example\\.org$) { set $a 1; }\n}", "server {\n if ($http_origin ~ ^https://example\\.org$) { set $a 1; }\n}"},
	{"origin-pattern", "server {\n if ($http_origin ~ ^https://example.org$) { set $a 1; }\n}", "server {\n if ($http_referer !~ ^https://example\\.org/) { return 403; }\n}"},
	{"worker-as-root", "user root;\n" + mainOf(""), "user nginx;\n" + mainOf("")},
	{"resolver-external", "server {\n resolver 8.8.8.8;\n}", "server {\n resolver 10.96.0.10 valid=10s;\n}"},
	{"body-unlimited", "server {\n client_max_body_size 0;\n}", "server {\n client_max_body_size 10m;\n}"},

	{"request-forgery", "location /p {\n proxy_pass http://$arg_host/;\n}", "location /p {\n proxy_pass http://backend/$arg_path;\n}"},
	{"request-forgery", "location ~ ^/p/(?<target>.+)$ {\n set $to $target;\n proxy_pass http://$to;\n}", "location ~ ^/p/(?<target>.+)$ {\n internal;\n proxy_pass http://$target;\n}"},
	{"response-splitting", "server {\n return 301 https://$host$uri;\n}", "server {\n return 301 https://$host$request_uri;\n}"},
	{"response-splitting", "location ~ ^/a/([^/]*)$ {\n add_header X-A $1;\n}", "location ~ ^/a/([^/\\s]*)$ {\n add_header X-A $1;\n}"},
	{"host-forgery", "location / {\n proxy_set_header Host $http_host;\n}", "location / {\n proxy_set_header Host $host;\n}"},
	{"merge-slashes-off", "server {\n merge_slashes off;\n}", "server {\n merge_slashes on;\n}"},
	{"unanchored-pattern", "server {\n location ~ \\.php { deny all; }\n}", "server {\n location ~ \\.php$ { deny all; }\n}"},
	{"slow-clients", "server {\n client_body_timeout 1h;\n}", "server {\n client_body_timeout 60s;\n}"},

	{"header-not-inherited", "server {\n add_header X-Frame-Options DENY always;\n location /a {\n add_header X-A 1;\n }\n}", "server {\n add_header X-Frame-Options DENY always;\n location /a {\n add_header X-A 1;\n add_header X-Frame-Options DENY always;\n }\n}"},
	{"header-not-inherited", "server {\n add_header X-Frame-Options DENY always;\n location /a {\n add_header X-A 1;\n }\n}", "server {\n add_header X-Frame-Options DENY always;\n location /a {\n add_header_inherit merge;\n add_header X-A 1;\n }\n}"},
	{"header-not-always", "server {\n add_header X-Frame-Options DENY;\n}", "server {\n add_header X-Cache HIT;\n}"},
	{"header-multiline", "server {\n add_header A \"b\n  c\";\n}", "server {\n add_header A \"b   c\";\n}"},
	{"header-content-type", "server {\n add_header Content-Type text/plain;\n}", "server {\n default_type text/plain;\n}"},
	{"server-tokens", "events {}\nhttp {\n server { listen 80; }\n}", "events {}\nhttp {\n include snippets/hardening.conf;\n server { listen 80; }\n}"},
	{"server-tokens", "server {\n server_tokens on;\n}", "server {\n server_tokens off;\n}"},
	{"error-log-off", "error_log off;\n" + mainOf(""), "error_log /dev/null crit;\n" + mainOf("")},

	{"old-tls", "server {\n ssl_protocols TLSv1 TLSv1.2;\n}", "server {\n ssl_protocols TLSv1.2 TLSv1.3;\n}"},
	{"weak-ciphers", "server {\n ssl_ciphers HIGH:RC4-SHA;\n}", "server {\n ssl_ciphers HIGH:!aNULL:!RC4:!MD5;\n}"},
	{"upstream-not-verified", "server {\n proxy_ssl_verify off;\n}", "server {\n proxy_ssl_verify on;\n}"},
	{"upstream-without-name", serverOf("location / {\n proxy_pass https://api.example.org;\n}"), serverOf("location / {\n proxy_pass https://api.example.org;\n proxy_ssl_server_name on;\n}")},
	{"no-session-cache", mainOf("server {\n listen 443 ssl;\n ssl_certificate a.pem;\n}"), mainOf("ssl_session_cache shared:a:1m;\nserver {\n listen 443 ssl;\n ssl_certificate a.pem;\n}")},

	{"few-connections", "events {\n worker_connections 256;\n}", "events {\n worker_connections 4096;\n}"},
	{"few-files", "worker_rlimit_nofile 1024;\n" + mainOf(""), "worker_rlimit_nofile 2048;\n" + mainOf("")},
	{"sendfile-off", mainOf("sendfile off;"), serverOf("location /nfs { sendfile off; }")},
	{"nopush-without-sendfile", mainOf("tcp_nopush on;"), mainOf("sendfile on; tcp_nopush on;")},
	{"gzip-html-only", mainOf("gzip on;"), mainOf("gzip on; gzip_types text/css;")},
	{"keepalive-off", "server {\n keepalive_timeout 0;\n}", "server {\n keepalive_timeout 65s;\n}"},
	{"few-keepalive-requests", "server {\n keepalive_requests 100;\n}", "upstream a {\n server 127.0.0.1;\n keepalive 4;\n keepalive_requests 100;\n}"},
	{"buffering-off", "server {\n proxy_buffering off;\n}", "location /events {\n proxy_buffering off;\n}"},

	{"upstream-keepalive", mainOf("upstream b { server 10.0.0.1; keepalive 8; }\nserver { listen 80; location / {\n proxy_pass http://b;\n} }"),
		mainOf("upstream b { server 10.0.0.1; keepalive 8; }\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\nserver { listen 80; location / {\n proxy_pass http://b;\n} }")},
	{"variable-without-resolver", serverOf("set $b backend;\n location / { proxy_pass http://$b; }"), serverOf("resolver 10.96.0.10;\n set $b backend;\n location / { proxy_pass http://$b; }")},
	{"map-without-default", "map $a $b {\n x 1;\n}", "map $a $b {\n default 0;\n x 1;\n}"},

	{"if-in-location", "location / {\n if ($a) { expires 1d; }\n}", "location / {\n if ($a) { return 403; }\n}"},
	{"if-host", "server {\n if ($host = www.example.org) { return 301 https://example.org; }\n}", "server {\n if ($request_method = POST) { return 405; }\n}"},
	{"root-in-locations", serverOf("location / { root /srv; }\n location /a { root /srv; }"), serverOf("location / { root /srv; }\n location /a { root /other; }")},
	{"no-default-server", mainOf("server { listen 80; server_name a; }\nserver { listen 80; server_name b; }"), mainOf("server { listen 80 default_server; server_name a; }\nserver { listen 80; server_name b; }")},
	{"listen-http2", "server {\n listen 443 ssl http2;\n}", "server {\n listen 443 ssl;\n http2 on;\n}"},
	{"removed-directive", "server {\n ssl on;\n}", "server {\n listen 443 ssl;\n}"},
}

func found(t *testing.T, text string) []Finding {
	t.Helper()
	r, err := Check(map[string]string{"f.conf": text}, Options{Redactor: redact.New(redact.Config{}), All: true})
	if err != nil {
		t.Fatal(err)
	}
	return r.Findings
}

func rulesIn(list []Finding) []string {
	var ids []string
	for _, f := range list {
		ids = append(ids, f.Rule)
	}
	return ids
}

func TestEveryRuleFindsItsFaultAndLetsTheNearMissPass(t *testing.T) {
	tried := map[string]bool{}
	for _, e := range examples {
		tried[e.rule] = true
		bad, good := rulesIn(found(t, e.bad)), rulesIn(found(t, e.good))
		if !slices.Contains(bad, e.rule) {
			t.Errorf("%s is not found in\n%s\n  found: %v", e.rule, short(e.bad), bad)
		}
		if slices.Contains(good, e.rule) {
			t.Errorf("%s is found in\n%s", e.rule, e.good)
		}
	}
	for _, r := range rules() {
		if !tried[r.id] {
			t.Errorf("no example tries the rule %s", r.id)
		}
	}
}

// TestTheNearMissesAreGoodConfigurations keeps the near misses honest: what they
// are to show is not that a text is broken in another way.
func TestTheNearMissesAreGoodConfigurations(t *testing.T) {
	for _, e := range examples {
		for _, f := range found(t, e.good) {
			if f.Severity == Refused && f.Rule != "ssl-without-certificate" {
				t.Errorf("the near miss of %s is refused: line %d: %s", e.rule, f.Line, f.Message)
			}
		}
	}
}

var docRow = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| (\\w+) \\| (\\w+) \\| .* \\| (https://\\S+) \\|$")

func TestTheDocumentationListsEveryRule(t *testing.T) {
	raw, err := os.ReadFile("../../docs/nginx.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, m := range docRow.FindAllStringSubmatch(string(raw), -1) {
		rows[m[1]] = m[2:]
	}
	for _, r := range rules() {
		want := []string{r.area, r.severity.String(), r.source.String()}
		if !slices.Equal(rows[r.id], want) {
			t.Errorf("docs/nginx.md says %v of %s; want %v", rows[r.id], r.id, want)
		}
		delete(rows, r.id)
	}
	for id := range rows {
		t.Errorf("docs/nginx.md lists %s, which is no rule", id)
	}
}

func TestNoRuleSpeaksWithoutReasonAndSource(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules() {
		if seen[r.id] || r.why.IsEmpty() || !strings.HasPrefix(r.source.String(), "https://") || r.severity < Refused || r.severity > Low || r.area == "" {
			t.Errorf("the rule %q is incomplete or doubled", r.id)
		}
		seen[r.id] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d rules", len(seen))
	}
}
