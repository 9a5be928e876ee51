package nginx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

func tlsRules() []rule {
	return []rule{
		{id: "old-tls", area: security, severity: High, on: []string{"ssl_protocols", "proxy_ssl_protocols", "grpc_ssl_protocols"}, check: oldTLS,
			why:    redact.Literal("SSL 2 and 3 and TLS 1.0 and 1.1 are broken or withdrawn (RFC 8996)"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_protocols")},
		{id: "weak-ciphers", area: security, severity: High, on: []string{"ssl_ciphers", "proxy_ssl_ciphers"}, check: weakCiphers,
			why:    redact.Literal("these ciphers encrypt nothing, too little, or authenticate nobody"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_ciphers")},
		{id: "upstream-not-verified", area: security, severity: Medium, on: []string{"proxy_ssl_verify", "grpc_ssl_verify"}, check: notVerified,
			why:    redact.Literal("whoever is on the way can pose as the server behind"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ssl_verify")},
		{id: "upstream-without-name", area: practice, severity: Low, on: []string{"proxy_pass"}, check: withoutName,
			why:    redact.Literal("nginx sends no server name with TLS unless told so, and a server with several certificates shows the wrong one or hangs up"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ssl_server_name")},
		{id: "no-session-cache", area: performance, severity: Low, on: []string{"listen"}, check: noSessionCache,
			why:    redact.Literal("without a shared cache every connection to another worker is a full handshake"),
			source: redact.Literal("https://nginx.org/en/docs/http/configuring_https_servers.html#optimization")},
	}
}

func oldTLS(v *visit) {
	var old, keep []string
	for _, w := range v.d.args() {
		if slices.Contains([]string{"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"}, w) {
			old = append(old, w)
		} else {
			keep = append(keep, w)
		}
	}
	if len(old) == 0 {
		return
	}
	if len(keep) == 0 {
		keep = []string{"TLSv1.2", "TLSv1.3"}
	}
	last := v.d.words[len(v.d.words)-1]
	v.here(fmt.Sprintf("%s allows %s", v.d.name, strings.Join(old, ", ")), v.d.file.splice(v.d.words[1].start, last.end, strings.Join(keep, " ")))
}

// weak reports a part of a cipher list that should not be there.
func weak(part string) bool {
	if strings.HasPrefix(part, "!") || strings.HasPrefix(part, "-") {
		return false
	}
	for name := range strings.FieldsFuncSeq(strings.TrimPrefix(part, "+"), func(r rune) bool { return r == '+' || r == '-' || r == '_' }) {
		if slices.Contains([]string{"RC4", "DES", "3DES", "MD5", "NULL", "aNULL", "eNULL", "EXP", "EXPORT", "EXPORT40", "EXPORT56", "LOW", "ADH", "AECDH", "CBC3", "RC2", "IDEA", "SEED", "COMPLEMENTOFALL"}, name) {
			return true
		}
	}
	return part == "ALL"
}

func weakCiphers(v *visit) {
	parts := strings.Split(v.d.arg(1), ":")
	excluded := func(name string) bool { return slices.Contains(parts, "!"+name) }
	bad := slices.DeleteFunc(slices.Clone(parts), func(p string) bool {
		return !weak(p) || p == "ALL" && excluded("aNULL") && excluded("eNULL")
	})
	if len(bad) == 0 {
		return
	}
	good := slices.DeleteFunc(slices.Clone(parts), func(p string) bool { return slices.Contains(bad, p) })
	var fix change
	positive := slices.ContainsFunc(good, func(p string) bool { return p != "" && !strings.ContainsAny(p[:1], "!-+@") })
	if w := v.d.words[1]; positive && w.line == w.lastLine {
		fix = v.d.file.setWord(w, strings.Replace(v.d.file.src[w.start:w.end], v.d.arg(1), strings.Join(good, ":"), 1))
	}
	v.here(fmt.Sprintf("%s allows %s", v.d.name, short(strings.Join(bad, ", "))), fix)
}

func notVerified(v *visit) {
	if strings.EqualFold(v.d.arg(1), "off") {
		v.here(fmt.Sprintf("%s is off", v.d.name))
	}
}

func withoutName(v *visit) {
	host := hostOf(v.d.arg(1))
	if !strings.HasPrefix(v.d.arg(1), "https://") || !strings.Contains(host, ".") || strings.Trim(host, "0123456789.:") == "" {
		return
	}
	if in := v.d.around(); in.lacks("proxy_ssl_server_name") {
		v.here("TLS to the server behind is without its name", v.d.file.lineBehind(v.d, "proxy_ssl_server_name on;"))
	}
}

// speaksTLS reports a listen with ssl.
func speaksTLS(d *directive) bool { return slices.Contains(d.args(), "ssl") }

// firstTLS reports the first listen with ssl of a server in http.
func firstTLS(d *directive) bool {
	if d.in != inServer || !speaksTLS(d) {
		return false
	}
	all := d.around().named["listen"]
	return all[slices.IndexFunc(all, speaksTLS)] == d
}

func noSessionCache(v *visit) {
	if firstTLS(v.d) && v.d.around().lacks("ssl_session_cache") {
		v.here("TLS without ssl_session_cache", v.d.file.lineBehind(v.d, "ssl_session_cache shared:SSL:10m;"))
	}
}

func sslWithoutCertificate(v *visit) {
	if firstTLS(v.d) && v.d.around().lacks("ssl_certificate", "ssl_reject_handshake") {
		v.here("the server listens with ssl and has no ssl_certificate")
	}
}
