package nginx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// headerRules are about what nginx tells clients.
func headerRules() []rule {
	return []rule{
		{id: "header-not-inherited", area: security, severity: Medium, on: []string{"add_header"}, check: headerLost,
			why:    redact.Literal("a block with an add_header of its own inherits none of those around it"),
			source: redact.Literal("https://gixy.io/plugins/add_header_redefinition/")},
		{id: "header-not-always", area: security, severity: Low, on: []string{"add_header"}, check: headerAlways,
			why:    redact.Literal("without always the header is missing on error pages"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header")},
		{id: "header-multiline", area: security, severity: Low, on: []string{"add_header", "proxy_set_header"}, check: headerLines,
			why:    redact.Literal("headers over several lines are obsolete, and many clients refuse them"),
			source: redact.Literal("https://gixy.io/plugins/add_header_multiline/")},
		{id: "header-content-type", area: practice, severity: Low, on: []string{"add_header"}, check: headerType,
			why:    redact.Literal("the response has two content types; default_type sets it"),
			source: redact.Literal("https://gixy.io/plugins/add_header_content_type/")},
		{id: "server-tokens", area: security, severity: Low, on: []string{"server_tokens", "http"}, check: serverTokens,
			why:    redact.Literal("every response and error page says which version of nginx to attack"),
			source: redact.Literal("https://gixy.io/plugins/version_disclosure/")},
		{id: "error-log-off", area: practice, severity: Low, on: []string{"error_log"}, check: errorLogOff,
			why:    redact.Literal("error_log has no off: nginx writes to a file of that name"),
			source: redact.Literal("https://gixy.io/plugins/error_log_off/")},
	}
}

// protective are headers whose loss opens something.
func protective(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains([]string{"strict-transport-security", "x-frame-options", "x-content-type-options", "content-security-policy",
		"referrer-policy", "permissions-policy", "cross-origin-opener-policy", "cross-origin-embedder-policy", "cross-origin-resource-policy"}, name)
}

// headerLost is asked at the first add_header of a block.
func headerLost(v *visit) {
	in := v.d.around()
	if in.first("add_header") != v.d || in.outer == nil || len(in.named["add_header_inherit"]) > 0 {
		return
	}
	outer, _ := in.outer.inherited("add_header")
	inherit, _ := in.outer.inherited("add_header_inherit")
	if len(inherit) > 0 {
		return
	}
	var lost []string
	for _, d := range outer {
		again := slices.ContainsFunc(in.named["add_header"], func(own *directive) bool { return strings.EqualFold(own.arg(1), d.arg(1)) })
		if protective(d.arg(1)) && !again && !slices.Contains(lost, d.arg(1)) {
			lost = append(lost, d.arg(1))
		}
	}
	if len(lost) > 0 && !in.open {
		v.here(fmt.Sprintf("this add_header drops those of the block around it: %s", short(strings.Join(lost, ", "))))
	}
}

func headerAlways(v *visit) {
	if len(v.d.words) == 3 && protective(v.d.arg(1)) {
		v.here(fmt.Sprintf("the header %s is not sent with errors", short(v.d.arg(1))), v.d.file.insert(v.d.words[2].end, " always"))
	}
}

func headerLines(v *visit) {
	if len(v.d.words) >= 3 && strings.Contains(v.d.arg(2), "\n") {
		v.here(fmt.Sprintf("the value of header %s has a line break", short(v.d.arg(1))))
	}
}

func headerType(v *visit) {
	if strings.EqualFold(v.d.arg(1), "Content-Type") {
		v.here("add_header adds a second Content-Type")
	}
}

// serverTokens is asked at the setting, and at http where there is none.
func serverTokens(v *visit) {
	if v.d.name == "server_tokens" {
		if value := v.d.arg(1); value == "on" || value == "build" {
			v.here("server_tokens tells the version", v.d.file.setWord(v.d.words[1], "off"))
		}
		return
	}
	if in := v.d.level(); v.d.in == inMain && in.lacks("server_tokens") {
		v.here("server_tokens is not set, and on is the default", v.d.firstInside("server_tokens off;"))
	}
}

// firstInside adds a line below the '{' of a block, as deep as what follows.
func (d *directive) firstInside(text string) change {
	if d.at >= len(d.file.src) || d.file.src[d.at] != '{' { // it is missing
		return change{}
	}
	line := d.file.lineOf(d.at)
	behind := strings.TrimSpace(d.file.text(line)[d.at+1-d.file.starts[line-1]:])
	if behind != "" && !strings.HasPrefix(behind, "#") || len(d.block) == 0 || !d.file.firstOnLine(d.block[0].words[0]) {
		return change{}
	}
	return d.file.replace(line, d.file.text(line)+"\n"+d.file.indent(d.block[0].words[0].line)+text)
}

func errorLogOff(v *visit) {
	if v.d.arg(1) == "off" {
		v.here("error_log off writes to a file called off", v.d.file.setWord(v.d.words[1], "/dev/null crit"))
	}
}
