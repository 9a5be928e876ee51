package nginx

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// parameters are the words that nginx allows behind the first argument of some
// directives, where a slip is common. Variables are let pass.
var parameters = map[string]*regexp.Regexp{
	"listen": regexp.MustCompile(`^(?:default_server|default|ssl|http2|spdy|quic|proxy_protocol|deferred|bind|reuseport|udp|multipath|` +
		`(?:setfib|fastopen|backlog|rcvbuf|sndbuf|accept_filter|ipv6only|so_keepalive)=.+)$`),
	"server":     regexp.MustCompile(`^(?:backup|down|resolve|drain|(?:weight|max_conns|max_fails|fail_timeout|service|route|slow_start)=.+)$`),
	"error_log":  regexp.MustCompile(`^(?:debug|info|notice|warn|error|crit|alert|emerg|debug_\w+)$`),
	"limit_req":  regexp.MustCompile(`^(?:zone=.+|burst=\d+|nodelay|delay=\d+)$`),
	"add_header": regexp.MustCompile(`^always$`),
}

// values are what the only argument of some directives may be.
var values = map[string][]string{
	"server_tokens": {"on", "off", "build"}, "satisfy": {"all", "any"}, "proxy_http_version": {"1.0", "1.1", "2", "2.0"},
	"if_modified_since": {"off", "exact", "before"}, "ssl_verify_client": {"on", "off", "optional", "optional_no_ca"},
}

var (
	errorCode  = regexp.MustCompile(`^(?:[3-5]\d\d|=\d*)$`)
	returnCode = regexp.MustCompile(`^(?:\d{1,3}|https?://.*|\$.*)$`)
)

// parameters checks what nginx's own handler of the directive checks.
func (d *directive) parameters() {
	args := d.args()
	refuse := func(what string) {
		d.refuse(ruleParameter, fmt.Sprintf("%q is no parameter that %q takes", short(what), d.name))
	}
	if allowed := values[d.name]; allowed != nil && len(args) == 1 {
		if !slices.Contains(allowed, strings.ToLower(args[0])) && !strings.Contains(args[0], "$") {
			d.refuse(ruleParameter, fmt.Sprintf("the value of %q must be one of: %s", d.name, strings.Join(allowed, ", ")), d.flagFix()...)
		}
		return
	}
	switch d.name {
	case "error_page":
		for _, a := range args[:len(args)-1] {
			if !errorCode.MatchString(a) {
				refuse(a)
				return
			}
		}
		return
	case "return":
		if !returnCode.MatchString(args[0]) {
			refuse(args[0])
		}
		return
	case "access_log":
		if args[0] == "off" && len(args) > 1 {
			refuse(args[1])
		}
		return
	}
	known := parameters[d.name]
	if known == nil || d.isBlock || len(args) < 2 {
		return
	}
	from := 1
	if d.name == "add_header" {
		from = 2
	}
	for _, a := range args[from:] {
		if !known.MatchString(a) && !strings.Contains(a, "$") {
			refuse(a)
			return
		}
	}
}
