package nginx

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// accessRules are about who reaches which file or page.
func accessRules() []rule {
	return []rule{
		{id: "alias-traversal", area: security, severity: High, on: []string{"alias"}, check: aliasTraversal,
			why:    redact.Literal("a request for /files../secret leaves the directory, because the location has no slash at its end and the alias has"),
			source: redact.Literal("https://gixy.io/plugins/alias_traversal/")},
		{id: "root-exposed", area: security, severity: High, on: []string{"root", "alias"}, check: rootExposed,
			why:    redact.Literal("every file of the container that nginx may read can be fetched"),
			source: redact.Literal("https://gixy.io/plugins/filesystem_root_exposure/")},
		{id: "autoindex", area: security, severity: Medium, on: []string{"autoindex"}, check: autoindex,
			why:    redact.Literal("visitors see the names of all files"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_autoindex_module.html#autoindex")},
		{id: "hidden-files", area: security, severity: Low, on: []string{"server"}, check: hiddenFiles,
			why:    redact.Literal("files such as .git/config and .env below the root can be fetched"),
			source: redact.Literal("https://www.nginx.com/resources/wiki/start/topics/tutorials/config_pitfalls/")},
		{id: "allow-without-deny", area: security, severity: High, on: []string{"allow"}, check: allowWithoutDeny,
			why:    redact.Literal("who matches no rule is let in, so that an allow alone restricts nothing"),
			source: redact.Literal("https://gixy.io/plugins/allow_without_deny/")},
		{id: "rule-behind-deny-all", area: security, severity: Medium, on: []string{"deny"}, check: behindDenyAll,
			why:    redact.Literal("the rules are read in order until one matches, so that nothing behind deny all is ever read"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_access_module.html")},
		{id: "return-before-access", area: security, severity: High, on: []string{"return"}, check: returnBeforeAccess,
			why:    redact.Literal("return is answered before access rules are looked at, so that they protect nothing here"),
			source: redact.Literal("https://gixy.io/plugins/return_bypasses_allow_deny/")},
		{id: "status-exposed", area: security, severity: Medium, on: []string{"stub_status"}, check: statusExposed,
			why:    redact.Literal("the page tells everybody how much traffic there is"),
			source: redact.Literal("https://gixy.io/plugins/status_page_exposed/")},
		{id: "valid-referers-none", area: security, severity: Medium, on: []string{"valid_referers"}, check: referersNone,
			why:    redact.Literal("a request without a Referer passes, and any page can leave it out"),
			source: redact.Literal("https://gixy.io/plugins/valid_referers/")},
		{id: "origin-pattern", area: security, severity: High, on: []string{"if"}, check: originPattern,
			why:    redact.Literal("an address of an attacker's own that merely holds the expected one matches, too"),
			source: redact.Literal("https://gixy.io/plugins/origins/")},
		{id: "worker-as-root", area: security, severity: Medium, on: []string{"user"}, check: workerAsRoot,
			why:    redact.Literal("a fault in a worker is a fault with all rights in the container"),
			source: redact.Literal("https://nginx.org/en/docs/ngx_core_module.html#user")},
		{id: "resolver-external", area: security, severity: Low, on: []string{"resolver"}, check: resolverExternal,
			why:    redact.Literal("a resolver outside of the cluster knows none of its services, and an answer forged on the way is believed"),
			source: redact.Literal("https://gixy.io/plugins/resolver_external/")},
		{id: "body-unlimited", area: security, severity: Medium, on: []string{"client_max_body_size"}, check: bodyUnlimited,
			why:    redact.Literal("0 takes the limit away: one request can fill the disk"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size")},
	}
}

func aliasTraversal(v *visit) {
	loc := v.d.above()
	if loc == nil || loc.name != "location" || !strings.HasSuffix(v.d.arg(1), "/") {
		return
	}
	mod, at := locationOf(loc)
	if mod != "" && mod != "^~" || strings.HasSuffix(at, "/") || strings.HasPrefix(at, "@") {
		return
	}
	w := loc.words[len(loc.words)-1]
	fix := change{}
	if !w.quoted {
		fix = loc.file.insert(w.end, "/")
	}
	v.at(loc, fmt.Sprintf("location %s has no slash at its end and its alias has: a request leaves the directory by %s..", short(at), short(at)), fix)
}

func rootExposed(v *visit) {
	if dir := path.Clean(v.d.arg(1)); slices.Contains([]string{"/", "/etc", "/etc/nginx", "/var", "/root", "/home", "/proc", "/var/run/secrets"}, dir) {
		v.here(fmt.Sprintf("%s serves %s", v.d.name, dir))
	}
}

func autoindex(v *visit) {
	if strings.EqualFold(v.d.arg(1), "on") {
		v.here("directory listings are on", v.d.file.setWord(v.d.words[1], "off"))
	}
}

// hiddenFiles looks at servers that serve files by themselves.
func hiddenFiles(v *visit) {
	in := v.d.level()
	if v.d.in != inHTTP || in.open || !in.has("root") {
		return
	}
	for _, loc := range in.named["location"] {
		if mod, at := locationOf(loc); strings.HasPrefix(mod, "~") && strings.Contains(at, `/\.`) || loc.level().has("proxy_pass") && at == "/" {
			return
		}
	}
	v.here("the server serves files and no location denies those whose name begins with a dot")
}

func allowWithoutDeny(v *visit) {
	in := v.d.around()
	if in.first("allow") != v.d || in.has("deny") || in.open || in.root.context == inStream {
		return
	}
	all := in.named["allow"]
	if slices.ContainsFunc(all, func(d *directive) bool { return d.arg(1) == "all" }) {
		return
	}
	last := all[len(all)-1]
	v.here("allow without a deny behind it lets everybody in", last.file.lineBehind(last, "deny all;"))
}

func behindDenyAll(v *visit) {
	all := v.d.around().named["deny"]
	if v.d.arg(1) != "all" || all[slices.IndexFunc(all, func(d *directive) bool { return d.arg(1) == "all" })] != v.d {
		return
	}
	list := v.d.around().list
	n := slices.Index(list, v.d)
	for _, later := range list[n+1:] {
		if later.name == "allow" {
			v.at(later, fmt.Sprintf("this allow is never read: deny all stands before it, in line %d", v.d.words[0].line))
			return
		}
	}
}

func returnBeforeAccess(v *visit) {
	if in := v.d.around(); in.has("deny") && in.first("return") == v.d && v.d.in != inServerIf && v.d.in != inLocationIf {
		v.here("the allow and deny of this block do not hold for its return")
	}
}

func statusExposed(v *visit) {
	if in := v.d.around(); in.lacks("deny", "auth_basic", "auth_request", "internal") {
		v.here("the status page is open to everybody")
	}
}

func referersNone(v *visit) {
	for _, w := range v.d.words[1:] {
		if w.text == "none" {
			v.here("valid_referers allows requests without a Referer", v.d.file.dropWord(w))
			return
		}
	}
}

var originCondition = regexp.MustCompile(`^\(\s*\$http_(?:origin|referer)\s+!?~\*?\s+"?(.*?)"?\s*\)$`)

func originPattern(v *visit) {
	m := originCondition.FindStringSubmatch(strings.Join(v.d.args(), " "))
	if m == nil {
		return
	}
	p := m[1]
	switch {
	case !strings.HasPrefix(p, "^"):
		v.here("the pattern for the origin does not begin with ^")
	case !strings.HasSuffix(p, "$") && !strings.HasSuffix(p, "/)") && !strings.HasSuffix(p, "/"):
		v.here("the pattern for the origin does not end with $ or /")
	case bareDot.MatchString(p):
		v.here(`the pattern for the origin has a dot that stands for any character; write \.`)
	}
}

// bareDot is a dot between the labels of a host that is not escaped.
var bareDot = regexp.MustCompile(`[a-z0-9]\.[a-z0-9]`)

func workerAsRoot(v *visit) {
	if v.d.arg(1) == "root" && v.d.in == inMain {
		v.here("the workers run as root")
	}
}

func resolverExternal(v *visit) {
	for _, w := range v.d.words[1:] {
		at := w.text
		if p, err := netip.ParseAddrPort(at); err == nil {
			at = p.Addr().String()
		}
		a, err := netip.ParseAddr(strings.Trim(at, "[]"))
		if err == nil && a.IsGlobalUnicast() && !a.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a) {
			v.here("the resolver is a public one; in a cluster it is kube-dns.kube-system.svc.cluster.local")
			return
		}
	}
}

func bodyUnlimited(v *visit) {
	if slices.Contains([]string{"0", "0k", "0m", "0g"}, strings.ToLower(v.d.arg(1))) {
		v.here("the size of request bodies is not limited")
	}
}
