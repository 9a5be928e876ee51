package nginx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

func practiceRules() []rule {
	return []rule{
		{id: "if-in-location", area: practice, severity: Medium, on: []string{"if"}, check: ifInLocation,
			why:    redact.Literal("if in a location makes another location of it: what else stands there may not hold"),
			source: redact.Literal("https://www.nginx.com/resources/wiki/start/topics/depth/ifisevil/")},
		{id: "if-host", area: practice, severity: Low, on: []string{"if"}, check: ifHost,
			why:    redact.Literal("every request is compared; a server block of its own for the name costs nothing"),
			source: redact.Literal("https://www.nginx.com/resources/wiki/start/topics/tutorials/config_pitfalls/")},
		{id: "root-in-locations", area: practice, severity: Low, on: []string{"server"}, check: rootInLocations,
			why:    redact.Literal("a location that nobody thought of has no root; one in the server holds for all"),
			source: redact.Literal("https://www.nginx.com/resources/wiki/start/topics/tutorials/config_pitfalls/")},
		{id: "no-default-server", area: practice, severity: Low, on: []string{"listen"}, check: noDefault,
			why:    redact.Literal("requests for unknown hosts go to whichever server comes first in the files"),
			source: redact.Literal("https://gixy.io/plugins/default_server_flag/")},
		{id: "listen-http2", area: practice, severity: Low, on: []string{"listen"}, check: listenHTTP2,
			why:    redact.Literal("deprecated since nginx 1.25.1; http2 on is a directive of its own"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_v2_module.html#http2")},
		{id: "removed-directive", area: practice, severity: Medium, on: removedNames(), check: removedDirective,
			why:    redact.Literal("a newer image of nginx does not start with it"),
			source: redact.Literal("https://nginx.org/en/CHANGES")},
	}
}

func removedNames() []string {
	all := []string{"ssl", "http2_push", "http2_push_preload", "http2_max_concurrent_pushes", "http2_max_field_size", "http2_max_header_size",
		"http2_idle_timeout", "http2_recv_timeout", "http2_max_requests", "spdy_chunk_size", "spdy_headers_comp"}
	return slices.DeleteFunc(all, func(name string) bool { return !removed(name) })
}

func removedDirective(v *visit) {
	v.here(fmt.Sprintf("current nginx no longer has the directive %q", v.d.name))
}

// harmlessInIf are directives for which an if in a location is safe.
func harmlessInIf(d *directive) bool {
	switch d.name {
	case "return", "set", "break", "access_log":
		return true
	case "rewrite":
		return len(d.words) == 4
	}
	return false
}

func ifInLocation(v *visit) {
	if v.d.in != inLocation {
		return
	}
	for _, d := range v.d.level().list {
		if !harmlessInIf(d) {
			v.here(fmt.Sprintf("if in a location with %s; only return and rewrite … last are safe there", short(d.name)))
			return
		}
	}
}

func ifHost(v *visit) {
	if v.d.in != inServer {
		return
	}
	for _, name := range []string{"($host", "($http_host", "($server_name"} {
		if v.d.arg(1) == name {
			v.here(fmt.Sprintf("the server tells hosts apart by if and $%s", strings.TrimPrefix(name, "($")))
		}
	}
}

func rootInLocations(v *visit) {
	in := v.d.level()
	if v.d.in != inHTTP || in.has("root") || in.open || in.outer != nil && in.outer.has("root") {
		return
	}
	seen := map[string]int{}
	for _, loc := range in.named["location"] {
		if root := loc.level().first("root"); root != nil {
			if seen[root.arg(1)]++; seen[root.arg(1)] == 2 {
				v.here(fmt.Sprintf("several locations have the root %s, and the server has none", short(root.arg(1))))
				return
			}
		}
	}
}

// listensOn is the address and port of a listen.
func listensOn(d *directive) string {
	at := d.arg(1)
	at = strings.TrimPrefix(at, "*:")
	at = strings.TrimPrefix(at, "0.0.0.0:")
	return at
}

func isDefault(d *directive) bool {
	return slices.Contains(d.args(), "default_server") || slices.Contains(d.args(), "default")
}

// socketOf is the address of a listen in http, with its servers.
func socketOf(d *directive) (s *socket, servers *level) {
	server := d.above()
	if server == nil || server.name != "server" || d.in != inServer {
		return nil, nil
	}
	servers = server.around()
	return servers.listening()[listensOn(d)], servers
}

// noDefault is told of once for an address, at the server that comes first.
func noDefault(v *visit) {
	s, servers := socketOf(v.d)
	if s == nil || len(s.listens) < 2 || s.listens[0] != v.d || s.standard != nil || servers.open && servers.root.context == inMain {
		return
	}
	v.here(fmt.Sprintf("%d servers listen on %s and none is the default_server", len(s.listens), short(listensOn(v.d))), v.d.file.insert(v.d.words[1].end, " default_server"))
}

func duplicateDefault(v *visit) {
	if s, _ := socketOf(v.d); s != nil && isDefault(v.d) && s.standard != v.d {
		v.here(fmt.Sprintf("there is a default server for %s already, in line %d", short(listensOn(v.d)), s.standard.words[0].line))
	}
}

func listenHTTP2(v *visit) {
	if v.d.in == inServer && slices.Contains(v.d.args(), "http2") {
		v.here("http2 is a parameter of listen")
	}
}
