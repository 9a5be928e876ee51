package nginx

import (
	"slices"
	"sync"

	"github.com/countersign-dev/countersign/internal/redact"
)

// rule is one kind of finding. docs/nginx.md lists them all, and a test holds
// the two together.
type rule struct {
	id       string
	area     string
	severity Severity
	why      redact.Text
	source   redact.Text
	on       []string // the directives at which it is asked; none for the grammar
	check    func(*visit)
}

// visit is one directive under one rule.
type visit struct {
	r   rule
	d   *directive
	out *[]issue
}

// at tells of a finding at a directive.
func (v *visit) at(d *directive, message string, fix ...change) {
	fix = slices.DeleteFunc(fix, func(c change) bool { return c == change{} })
	i := issue{rule: v.r, file: d.file, line: d.words[0].line, message: message, fix: fix}
	if v.r.severity == Refused {
		i.reported = d.line
	}
	*v.out = append(*v.out, i)
}

// here tells of a finding at the directive itself.
func (v *visit) here(message string, fix ...change) { v.at(v.d, message, fix...) }

// rules lists everything, what nginx refuses first. It is made once, because the
// words of each rule pass redaction.
var rules = sync.OnceValue(func() []rule {
	return slices.Concat(grammarRules(), accessRules(), requestRules(), headerRules(), tlsRules(), speedRules(), upstreamRules(), practiceRules())
})

func ruleByID(id string) rule {
	n := slices.IndexFunc(rules(), func(r rule) bool { return r.id == id })
	if n < 0 {
		return rule{id: id, area: syntax, severity: Refused}
	}
	return rules()[n]
}

// The areas of findings.
const (
	syntax      = "syntax"
	security    = "security"
	performance = "performance"
	practice    = "practice"
)

// checkRules asks every rule about every directive whose place is known.
func (c *config) checkRules() []issue {
	byName := map[string][]rule{}
	for _, r := range rules() {
		for _, name := range r.on {
			byName[name] = append(byName[name], r)
		}
	}
	var out []issue
	for _, f := range c.files {
		f.each(func(d *directive) {
			if d.in == 0 {
				return
			}
			for _, r := range byName[d.name] {
				if len(out) < 2*maxFindings {
					r.check(&visit{r: r, d: d, out: &out})
				}
			}
		})
	}
	return out
}

func grammarRules() []rule {
	doc := redact.Literal("https://nginx.org/en/docs/beginners_guide.html#conf_structure")
	index := redact.Literal("https://nginx.org/en/docs/dirindex.html")
	form := func(id string, severity Severity, why, source redact.Text) rule {
		return rule{id: id, area: syntax, severity: severity, why: why, source: source}
	}
	return []rule{
		form(ruleSemicolon, Refused, redact.Literal("a simple directive ends with a semicolon; without it nginx takes the next line for its arguments"), doc),
		form(ruleUnclosed, Refused, redact.Literal("every block that opens has to be closed"), doc),
		form(ruleBrace, Refused, redact.Literal("a brace that closes nothing ends the configuration where more was meant to follow"), doc),
		form(ruleBlock, Refused, redact.Literal("a block directive has its instructions in braces"), doc),
		form(ruleQuote, Refused, redact.Literal("a quote that is not closed swallows the lines behind it"), doc),
		form(ruleUnexpected, Refused, redact.Literal("nginx expects white space, a semicolon or a brace there"), doc),
		form(ruleTooLong, Refused, redact.Literal("nginx reads a parameter into a buffer of 4096 bytes"), doc),
		form(ruleTooLarge, Low, redact.Literal("the size of what is looked at is bounded"), doc),
		form(ruleUnknown, Refused, redact.Literal("no module that is known here has a directive of this name"), index),
		form(rulePlus, Refused, redact.Literal("open-source nginx refuses it as unknown"), index),
		form(ruleModule, Low, redact.Literal("whether the image has the module cannot be seen in the configuration"), index),
		form(ruleContext, Refused, redact.Literal("each directive has the contexts in which it may stand"), index),
		form(ruleArguments, Refused, redact.Literal("each directive takes a certain number of arguments"), index),
		form(ruleFlag, Refused, redact.Literal("a flag is on or off"), index),
		form(ruleParameter, Refused, redact.Literal("nginx knows the parameters of this directive and has none of this name or value"), index),
		form(ruleDuplicate, Refused, redact.Literal("nginx takes it once in a block"), index),
		form(ruleMap, Refused, redact.Literal("an entry of a map is a source and a value"), redact.Literal("https://nginx.org/en/docs/http/ngx_http_map_module.html#map")),
		form(ruleNoEvents, Refused, redact.Literal("the events module is part of every nginx and wants its section"), redact.Literal("https://nginx.org/en/docs/ngx_core_module.html#events")),
		form(ruleSwallowed, High, redact.Literal("nginx starts, and the directive that was swallowed has no effect"), doc),
		{id: "regex-location-uri", area: syntax, severity: Refused, on: []string{"proxy_pass"}, check: regexLocationURI,
			why:    redact.Literal("nginx cannot tell which part of the path the address replaces"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass")},
		{id: "ssl-without-certificate", area: syntax, severity: Refused, on: []string{"listen"}, check: sslWithoutCertificate,
			why:    redact.Literal("a listener with TLS needs a certificate"),
			source: redact.Literal("https://nginx.org/en/docs/http/configuring_https_servers.html")},
		{id: "duplicate-default-server", area: syntax, severity: Refused, on: []string{"listen"}, check: duplicateDefault,
			why:    redact.Literal("one address and port has one default server"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_core_module.html#listen")},
	}
}
