package nginx

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
)

// refusals lists what nginx would refuse.
func refusals(t *testing.T, text string) []Finding {
	t.Helper()
	return slices.DeleteFunc(found(t, text), func(f Finding) bool { return f.Severity != Refused })
}

func TestAFaultIsNamedAtItsOwnLineAndAtTheOneThatNginxNames(t *testing.T) {
	for name, c := range map[string]struct {
		text           string
		rule           string
		line, reported int
		says           string
	}{
		"a semicolon before the next directive":          {"server {\n    listen 8080 # web\n\n    root /srv;\n}", ruleSemicolon, 2, 4, `"listen" is not ended`},
		"a semicolon before a brace":                     {"server {\n    root /srv\n}", ruleSemicolon, 2, 3, `"root" is not ended`},
		"a semicolon before a block":                     {"server {\n    root /srv\n    location / {\n    }\n}", ruleSemicolon, 2, 3, `"root" is not ended`},
		"a semicolon before a misspelt block":            {"server {\n    root /srv\n    loction / {\n    }\n}", ruleSemicolon, 2, 3, `"root" is not ended`},
		"a semicolon at the end of the file":             {"user nginx", ruleSemicolon, 1, 1, `"user" is not ended`},
		"a semicolon behind arguments on two lines":      {"server {\n    add_header A\n        B\n    root /srv;\n}", ruleSemicolon, 3, 4, `"add_header" is not ended`},
		"the brace of an inner block":                    {"server {\n    location / {\n        root /a;\n    location /b {\n        root /b;\n    }\n}\n", ruleUnclosed, 2, 8, "before line 4"},
		"the brace of the outer block":                   {"server {\n    location / {\n        root /a;\n    }\n", ruleUnclosed, 1, 5, `the block "server"`},
		"a brace between two servers":                    {"server {\n    listen 80;\n\nserver {\n    listen 81;\n}\n", ruleUnclosed, 1, 4, "before line 4"},
		"a brace that closes a block too early":          {"server {\n    location / {\n    }\n    }\n    location /b {\n    }\n}\n", ruleBrace, 4, 5, "one too many"},
		"a brace at the end":                             {"server {\n    listen 80;\n}\n}\n", ruleBrace, 4, 4, "closes nothing"},
		"a quote that swallows lines":                    {"server {\n    add_header A \"b;\n    add_header C \"d\";\n}", ruleQuote, 2, 3, `quote " that opens here`},
		"a misspelt directive":                           {"server {\n    lisetn 80;\n}", ruleUnknown, 2, 2, "did you mean listen?"},
		"a misspelt directive with two errors":           {"server {\n    prxy_pas http://a;\n    location / { procy_pas http://a; }\n}", ruleUnknown, 3, 3, "did you mean proxy_pass?"},
		"a directive in the wrong place":                 {"events {}\nhttp {\n    proxy_pass http://a;\n}", ruleContext, 3, 3, "in http; it may stand in: location"},
		"a brace in a quote is none":                     {"server {\n    return 200 \"}\";\n    lisetn 80;\n}", ruleUnknown, 3, 3, "listen"},
		"a variable in braces is no block":               {"server {\n    root /srv/${host}/x;\n    lisetn 80;\n}", ruleUnknown, 3, 3, "listen"},
		"braces and quotes of Lua are not nginx's":       {"server {\n    location / {\n        content_by_lua_block {\n            -- it's {\n            ngx.say(\"}'\", [[ } ]])\n        }\n    }\n    lisetn 80;\n}", ruleUnknown, 8, 8, "listen"},
		"lines end as on Windows":                        {"server {\r\n    listen 8080\r\n    root /srv;\r\n}\r\n", ruleSemicolon, 2, 3, `"listen" is not ended`},
		"a semicolon too many":                           {"server {\n    listen 80;;\n}", ruleUnexpected, 2, 2, `unexpected ";"`},
		"a second default server":                        {"server {\n listen 80 default_server;\n}\nserver {\n listen 80 default_server;\n}", "duplicate-default-server", 5, 5, "in line 2"},
		"a snippet of a location":                        {"proxy_set_header Host $host;\nproxy_pass http://a\n", ruleSemicolon, 2, 3, `"proxy_pass" is not ended`},
		"a semicolon between two directives on one line": {"server {\n    root /srv index index.html;\n}", ruleSemicolon, 2, 2, `"root" is not ended`},
	} {
		list := refusals(t, c.text)
		n := slices.IndexFunc(list, func(f Finding) bool { return f.Rule == c.rule && f.Line == c.line })
		if n < 0 {
			t.Errorf("%s: want %s at line %d, have %s", name, c.rule, c.line, told(list))
			continue
		}
		if f := list[n]; f.Reported != c.reported || !strings.Contains(f.Message.String(), c.says) {
			t.Errorf("%s: want line %d and %q, have %s", name, c.reported, c.says, told(list))
		}
	}
}

func told(list []Finding) string {
	var out []string
	for _, f := range list {
		out = append(out, strings.Join([]string{f.Rule, redact.Int(int64(f.Line)).String(), redact.Int(int64(f.Reported)).String(), f.Message.String()}, " "))
	}
	return strings.Join(out, "\n    ")
}

func TestAMissingBraceBringsNoFurtherFindings(t *testing.T) {
	text := "events {}\nhttp {\n    server {\n        listen 80;\n        location / {\n            root /a;\n    }\n\n    server {\n        listen 81;\n    }\n}\n"
	if list := refusals(t, text); len(list) != 1 || list[0].Line != 5 && list[0].Line != 3 {
		t.Errorf("have\n    %s", told(list))
	}
}

func TestWhatNginxTakesIsNotRefused(t *testing.T) {
	for _, text := range []string{
		"log_format main '$remote_addr'\n  '\"$request\"';",
		"server {\n gzip_types text/css\n   application/json;\n}",
		"server {\n if ($http_user_agent ~* (wget|curl)) { return 403; }\n}",
		"server { location ~ \\.(?:png|jpg)$ { expires 1d; } }",
		"server { location ~ \"^/[0-9]{4}/\" { return 404; } }",
		"map $http_host $name { hostnames; default 0; *.example.org 1; ~^www 2; }",
		"types { text/html html htm; text/css css; }",
		"geo $x { ranges; default 0; 10.0.0.0-10.0.0.255 1; }",
		"upstream a { zone a 64k; server 10.0.0.1:80 weight=2 max_fails=3; server unix:/tmp/a backup; }",
		"server { listen [::]:80 ipv6only=on default_server reuseport; }",
		"server { listen ${PORT}; server_name ${NAME} ~^(?<user>.+)\\.example\\.net$; }",
		"stream { server { listen 53 udp; proxy_pass 10.0.0.10:53; } }\nevents {}",
		"location / { limit_except GET { deny all; } }",
		"location = / { } location = /a { } location ^~ /b { } location ~ ^/a { } location ~ ^/a { }",
		"server { error_page 404 = @fallback; error_page 500 502 /50x.html; location @fallback { return 404; } }",
		"server { rewrite ^/a /b\n  break;\n}",
		"limit_req_zone $binary_remote_addr zone=one:10m rate=1r/s;",
		"",
		"# nothing but a comment",
	} {
		if list := refusals(t, text); len(list) > 0 {
			t.Errorf("%s\n    %s", text, told(list))
		}
	}
}

// TestTheLibraryMeansWhatItsBitsAreTakenFor holds the bits, which the library
// does not name, against directives of which the rules are known.
func TestTheLibraryMeansWhatItsBitsAreTakenFor(t *testing.T) {
	for name, c := range map[string]struct {
		mask uint
		in   context
	}{
		"daemon":         {isFlag | 0x10000, inMain}, // 0x10000: read into the main configuration directly
		"events":         {isABlock | takes0, inMain},
		"root":           {takes0 << 1, inHTTP | inServer | inLocation | inLocationIf},
		"set":            {takes0 << 2, inServer | inServerIf | inLocation | inLocationIf},
		"upstream":       {isABlock | takes0<<1, inHTTP},
		"if":             {isABlock | isExpr | takes1Up, inServer | inLocation},
		"error_page":     {takes2Up, inHTTP | inServer | inLocation | inLocationIf},
		"limit_except":   {isABlock | takes1Up, inLocation},
		"use":            {takes0 << 1, inEvents},
		"ssl_preread":    {isFlag, inStream | inStreamServer},
		"auth_http":      {takes0 << 1, inMail | inMailServer},
		"empty_gif":      {takes0, inLocation},
		"ip_hash":        {takes0, inUpstream},
		"mirror":         {takes0 << 1, inHTTP | inServer | inLocation},
		"valid_referers": {takes1Up, inServer | inLocation},
	} {
		masks, ok := lookup(name)
		if !ok || !slices.Contains(masks, c.mask|uint(c.in)) {
			t.Errorf("%s: the library says %#x, want %#x", name, masks, c.mask|uint(c.in))
		}
	}
}

func TestAFragmentIsTakenForWhereItBelongs(t *testing.T) {
	for text, want := range map[string]context{
		"user a;\nevents {}\nhttp {}": inMain, "server { listen 80; }": inHTTP, "listen 80;\nlocation / {}": inServer,
		"proxy_set_header A b;\nproxy_pass http://a;": inLocation, "upstream a { server 10.0.0.1; }": inHTTP, "server 10.0.0.1;\nip_hash;": inUpstream,
	} {
		c, _ := read(map[string]string{"a": text}, true)
		if got := c.roots[0].context; got != want {
			t.Errorf("%s: taken for %s, want %s", text, got, want)
		}
	}
}

func TestIncludesStayAmongTheFilesAtHand(t *testing.T) {
	r, err := Check(map[string]string{
		"nginx.conf":   "events {}\nhttp {\n server_tokens off;\n include /etc/nginx/conf.d/*.conf;\n include ../../../etc/passwd;\n}",
		"default.conf": "server {\n listen 80;\n include snippet.conf;\n}",
		"snippet.conf": "location / {\n include default.conf;\n root /srv\n}",
		"notes.txt":    "Remember: nothing { here; is } nginx's;",
	}, Options{Redactor: redact.New(redact.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.LeftOut) != 1 || r.LeftOut[0].String() != "notes.txt" || len(r.Files) != 3 {
		t.Errorf("left out %v, looked at %v", r.LeftOut, r.Files)
	}
	refused := slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Severity != Refused })
	if len(refused) != 1 || refused[0].File.String() != "snippet.conf" || refused[0].Line != 3 {
		t.Errorf("have\n    %s", told(refused))
	}
}

func TestNothingButNginxIsTakenForIt(t *testing.T) {
	for name, text := range map[string]string{
		"redis":   "port 6379\nbind 127.0.0.1\nsave 900 1\n",
		"haproxy": "global\n  daemon\ndefaults\n  mode http\n  timeout connect 5s\nfrontend a\n  bind :80\n",
		"hocon":   "server {\n  port = 80\n  host = \"a\"\n}\nlogging { level = info }\n",
		"caddy":   "example.org {\n  reverse_proxy localhost:80\n}\n",
		"html":    "<html><style>a { color: red; }</style></html>",
		"json":    `{"server": {"listen": 80}}`,
		"binary":  "server { listen 80; }\x00",
	} {
		if _, err := Check(map[string]string{"x.conf": text}, Options{Redactor: redact.New(redact.Config{})}); !errors.Is(err, ErrNothing) {
			t.Errorf("%s is taken for nginx's: %v", name, err)
		}
	}
}

func TestNginxsOwnWordsAreRead(t *testing.T) {
	for line, want := range map[string]Place{
		`nginx: [emerg] unknown directive "sever" in /etc/nginx/nginx.conf:12`:                                              {"/etc/nginx/nginx.conf", 12, `unknown directive "sever"`},
		`2026/11/20 10:00:00 [emerg] 1#1: unexpected end of file, expecting ";" or "}" in /etc/nginx/conf.d/default.conf:9`: {"/etc/nginx/conf.d/default.conf", 9, `unexpected end of file, expecting ";" or "}"`},
		`nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)`:                                                {},
		`nginx: [warn] the "listen ... http2" directive is deprecated in /etc/nginx/nginx.conf:3`:                           {},
		`[emerg] x in /etc/nginx/nginx.conf:0`:                                                                              {},
		`[emerg] x in /etc/nginx/nginx.conf:12 extra`:                                                                       {},
	} {
		if got, ok := ReadLog(line); ok != (want != Place{}) || got != want {
			t.Errorf("%s: have %+v %t", line, got, ok)
		}
	}
}
