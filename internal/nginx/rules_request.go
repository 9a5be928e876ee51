package nginx

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// requestRules are about what a client sends and where it ends up.
func requestRules() []rule {
	passes := []string{"proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"}
	return []rule{
		{id: "request-forgery", area: security, severity: High, on: passes, check: requestForgery,
			why:    redact.Literal("whoever sends the request chooses which server nginx calls, inside the cluster too (SSRF)"),
			source: redact.Literal("https://gixy.io/plugins/ssrf/")},
		{id: "response-splitting", area: security, severity: High, on: []string{"return", "rewrite", "add_header", "proxy_set_header", "proxy_pass"}, check: responseSplitting,
			why:    redact.Literal("the value may hold a decoded line break, with which a client adds headers of its own"),
			source: redact.Literal("https://gixy.io/plugins/http_splitting/")},
		{id: "host-forgery", area: security, severity: Medium, on: []string{"proxy_set_header"}, check: hostForgery,
			why:    redact.Literal("the application sees a host that the client made up; $host is the one that nginx chose the server by"),
			source: redact.Literal("https://gixy.io/plugins/host_spoofing/")},
		{id: "merge-slashes-off", area: security, severity: Low, on: []string{"merge_slashes"}, check: mergeSlashes,
			why:    redact.Literal("//admin no longer matches location /admin, and gets around its rules"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_core_module.html#merge_slashes")},
		{id: "unanchored-pattern", area: security, severity: Low, on: []string{"location"}, check: unanchored,
			why:    redact.Literal("x.php.txt and /x.phpinfo match, too"),
			source: redact.Literal("https://gixy.io/plugins/unanchored_regex/")},
		{id: "slow-clients", area: security, severity: Low, on: []string{"client_header_timeout", "client_body_timeout", "send_timeout", "keepalive_timeout"}, check: slowClients,
			why:    redact.Literal("a few clients that send very slowly hold all connections"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_core_module.html#client_header_timeout")},
	}
}

// hostOf is the part of an address that names the server.
func hostOf(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	if n := strings.IndexAny(address, "/?#"); n >= 0 {
		address = address[:n]
	}
	return address
}

func requestForgery(v *visit) {
	host := hostOf(v.d.arg(1))
	if v.d.around().has("internal") || strings.HasPrefix(host, "unix:") {
		return
	}
	if name := clientIn(host, v.d, map[string]bool{}); name != "" {
		v.here(fmt.Sprintf("the server that %s calls is made of %s, which the client chooses", v.d.name, name))
	}
}

var redirects = regexp.MustCompile(`^(?:https?://|\$scheme://)`)

// responseSplitting looks at values that become a header: $uri is decoded, and so
// are captures of a negated class, which match a line break.
func responseSplitting(v *visit) {
	w, ok := v.d.headerValue()
	if !ok {
		return
	}
	for _, name := range variables(w.text) {
		switch {
		case name == "uri" || name == "document_uri":
			v.here(fmt.Sprintf("$%s in %s is decoded; $request_uri is not", name, v.d.name), v.d.requestURI(w)...)
			return
		case v.d.capturesBreak(name):
			v.here(fmt.Sprintf("$%s in %s comes from a pattern that also matches line breaks", name, v.d.name))
			return
		}
	}
}

// headerValue is the word of a directive that goes into a header or a request
// line.
func (d *directive) headerValue() (word, bool) {
	n := len(d.words)
	switch {
	case n < 2:
		return word{}, false
	case d.name == "return":
		return d.words[n-1], n == 3 && strings.HasPrefix(d.arg(1), "3") || n == 2 && redirects.MatchString(d.arg(1))
	case d.name == "rewrite" && n >= 3:
		return d.words[2], redirects.MatchString(d.arg(2)) || n == 4 && (d.arg(3) == "redirect" || d.arg(3) == "permanent")
	case d.name == "add_header" && n >= 3, d.name == "proxy_set_header" && n == 3:
		return d.words[2], true
	case d.name == "proxy_pass":
		return d.words[1], strings.Contains(strings.TrimPrefix(strings.TrimPrefix(d.arg(1), "http://"), "https://"), "/") || strings.Contains(d.arg(1), "$uri")
	}
	return word{}, false
}

// requestURI writes $request_uri for the decoded path of a redirect. It holds
// the arguments, too.
func (d *directive) requestURI(w word) []change {
	raw := d.file.src[w.start:w.end]
	if d.name != "return" || strings.Count(raw, "$") != strings.Count(w.text, "$") {
		return nil
	}
	for _, old := range []string{"$uri$is_args$args", "$uri?$args", "$uri?$query_string", "$uri"} {
		if strings.HasSuffix(strings.TrimRight(raw, `"'`), old) && strings.Count(raw, "uri") == 1 {
			return []change{d.file.setWord(w, strings.Replace(raw, old, "$request_uri", 1))}
		}
	}
	return nil
}

var negatedGroup = regexp.MustCompile(`\((?:\?P?<([a-zA-Z0-9_]+)>)?[^()]*\[\^([^\]]*)\]`)

// capturesBreak reports whether the variable is a capture around d whose pattern
// matches a line break.
func (d *directive) capturesBreak(name string) bool {
	for b := d.above(); b != nil; b = b.above() {
		mod, pattern := "", ""
		if b.name == "location" {
			mod, pattern = locationOf(b)
		}
		if !strings.HasPrefix(mod, "~") {
			continue
		}
		for n, m := range negatedGroup.FindAllStringSubmatch(pattern, -1) {
			if strings.Contains(m[2], `\s`) || strings.Contains(m[2], `\n`) {
				continue
			}
			if m[1] == name || m[1] == "" && name == fmt.Sprint(n+1) && strings.Count(pattern, "(") == 1 {
				return true
			}
		}
	}
	return false
}

func hostForgery(v *visit) {
	if !strings.EqualFold(v.d.arg(1), "Host") || len(v.d.words) != 3 {
		return
	}
	for _, name := range variables(v.d.arg(2)) {
		if name == "http_host" || strings.HasPrefix(name, "arg_") || strings.HasPrefix(name, "http_x_") {
			var fix change
			if v.d.arg(2) == "$http_host" {
				fix = v.d.file.setWord(v.d.words[2], "$host")
			}
			v.here(fmt.Sprintf("the Host header is passed on as the client wrote it, from $%s", name), fix)
			return
		}
	}
}

func mergeSlashes(v *visit) {
	if strings.EqualFold(v.d.arg(1), "off") {
		v.here("merge_slashes is off", v.d.file.setWord(v.d.words[1], "on"))
	}
}

var extension = regexp.MustCompile(`\\\.(?:\w+|\([\w|?:]+\))$`)

func unanchored(v *visit) {
	if mod, at := locationOf(v.d); strings.HasPrefix(mod, "~") && extension.MatchString(at) {
		var fix change
		if w := v.d.words[len(v.d.words)-1]; !w.quoted {
			fix = v.d.file.insert(w.end, "$")
		}
		v.here("the pattern for a file's extension does not end with $", fix)
	}
}

// slow is from when on a timeout towards clients is long, in seconds.
const slow = 300

func slowClients(v *visit) {
	if s, ok := seconds(v.d.arg(1)); ok && s > slow {
		v.here(fmt.Sprintf("%s is %d s: a client may stay silent for so long", v.d.name, s))
	}
}

var timeValue = regexp.MustCompile(`^(\d{1,9})(ms|s|m|h|d|w|M|y)?$`)

// seconds reads a time with one unit.
func seconds(value string) (int, bool) {
	m := timeValue.FindStringSubmatch(value)
	if m == nil {
		return 0, false
	}
	n := 0
	for _, c := range m[1] {
		n = n*10 + int(c-'0')
	}
	return map[string]int{"": n, "s": n, "ms": n / 1000, "m": n * 60, "h": n * 3600, "d": n * 86400, "w": n * 604800, "M": n * 2592000, "y": n * 31536000}[m[2]], true
}
