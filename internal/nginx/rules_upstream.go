package nginx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// upstreamRules are about the servers behind nginx.
func upstreamRules() []rule {
	return []rule{
		{id: "upstream-keepalive", area: performance, severity: Low, on: []string{"proxy_pass"}, check: upstreamKeepalive,
			why:    redact.Literal("before nginx 1.29.7 connections are kept only with HTTP/1.1 and an empty Connection header"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive")},
		{id: "variable-without-resolver", area: practice, severity: Medium, on: []string{"proxy_pass"}, check: withoutResolver,
			why:    redact.Literal("with a variable in the address nginx looks the host up for each request, and answers 502 without a resolver"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass")},
		{id: "map-without-default", area: practice, severity: Low, on: []string{"map", "geo"}, check: withoutDefault,
			why:    redact.Literal("what matches nothing gives an empty value, which often means allowed"),
			source: redact.Literal("https://gixy.io/plugins/hash_without_default/")},
	}
}

// upstreamOf is the upstream block that an address means, if it is at hand.
func upstreamOf(d *directive) *directive {
	host := hostOf(d.arg(1))
	for l := d.around(); l != nil; l = l.outer {
		for _, u := range l.named["upstream"] {
			if u.arg(1) == host && u.isBlock {
				return u
			}
		}
	}
	return nil
}

func upstreamKeepalive(v *visit) {
	u := upstreamOf(v.d)
	if u == nil || !u.level().has("keepalive") {
		return
	}
	in := v.d.around()
	var add, lacking []string
	if in.lacks("proxy_http_version") {
		add, lacking = append(add, "proxy_http_version 1.1;"), append(lacking, "proxy_http_version 1.1")
	}
	headers, sure := in.inherited("proxy_set_header")
	clears := slices.ContainsFunc(headers, func(d *directive) bool { return strings.EqualFold(d.arg(1), "Connection") })
	if sure && !clears {
		lacking = append(lacking, `proxy_set_header Connection ""`)
		// One here would drop all those that are inherited.
		if len(headers) == 0 || in.has("proxy_set_header") {
			add = append(add, `proxy_set_header Connection "";`)
		}
	}
	if len(lacking) == 0 || in.open {
		return
	}
	var fix change
	if len(add) == len(lacking) {
		fix = v.d.file.lineBehind(v.d, strings.Join(add, "\n"+v.d.file.indent(v.d.words[0].line)))
	}
	v.here(fmt.Sprintf("upstream %s keeps connections and this location does not use them: %s is missing", short(u.arg(1)), strings.Join(lacking, " and ")), fix)
}

func withoutResolver(v *visit) {
	host := hostOf(v.d.arg(1))
	if len(variables(host)) > 0 && v.d.around().lacks("resolver") && !v.d.fromMap(host) {
		v.here("the address has a variable and no resolver is set")
	}
}

// fromMap reports a host that is one variable of a map, or of a set to an
// upstream: it may be a group that is at hand and need no resolver.
func (d *directive) fromMap(host string) bool {
	for l := d.around(); l != nil; l = l.outer {
		if slices.ContainsFunc(l.named["map"], func(m *directive) bool { return m.arg(2) == host }) || len(l.named["upstream"]) > 0 {
			return true
		}
	}
	return false
}

func withoutDefault(v *visit) {
	if !v.d.isBlock || slices.ContainsFunc(v.d.block, func(e *directive) bool { return e.name == "default" || e.name == "include" }) {
		return
	}
	v.here(fmt.Sprintf("%s for %s has no default", v.d.name, short(v.d.words[len(v.d.words)-1].text)))
}

func regexLocationURI(v *visit) {
	address := v.d.arg(1)
	_, rest, ok := strings.Cut(address, "://")
	if !ok || strings.Contains(address, "$") || !strings.ContainsAny(rest, "/?") || strings.HasPrefix(rest, "unix:") {
		return
	}
	b := v.d.above()
	if b == nil {
		return
	}
	where := ""
	switch mod, at := locationOf(b); {
	case b.name == "if" || b.name == "limit_except":
		where = "an " + b.name + " block"
	case strings.HasPrefix(mod, "~"):
		where = "a location with a regular expression"
	case strings.HasPrefix(at, "@"):
		where = "a named location"
	default:
		return
	}
	v.here(fmt.Sprintf("proxy_pass in %s may have no path behind the host", where))
}
