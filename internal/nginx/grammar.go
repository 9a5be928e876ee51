package nginx

import (
	"fmt"
	"slices"
	"strings"
)

// The rules of what nginx refuses.
const (
	ruleSemicolon  = "missing-semicolon"
	ruleSwallowed  = "swallowed-directive"
	ruleUnclosed   = "unclosed-block"
	ruleBrace      = "unexpected-brace"
	ruleQuote      = "unclosed-quote"
	ruleUnexpected = "unexpected-character"
	ruleTooLong    = "parameter-too-long"
	ruleTooLarge   = "too-large"
	ruleUnknown    = "unknown-directive"
	rulePlus       = "plus-directive"
	ruleModule     = "module-directive"
	ruleContext    = "misplaced-directive"
	ruleBlock      = "missing-block"
	ruleArguments  = "wrong-arguments"
	ruleFlag       = "not-on-or-off"
	ruleParameter  = "wrong-parameter"
	ruleDuplicate  = "duplicate-directive"
	ruleNoEvents   = "no-events"
	ruleMap        = "wrong-map-entry"
)

// grammar asks of every directive whether nginx would take it.
type grammar struct {
	c       *config
	modules bool // load_module brings directives that nobody here knows
	guesses int
}

// maxGuesses bounds how many unknown names a correction is looked for: each
// costs a few hundred thousand look-ups.
const maxGuesses = 5

func (c *config) checkGrammar() {
	g := &grammar{c: c}
	for _, f := range c.files {
		g.modules = g.modules || slices.ContainsFunc(f.top, func(d *directive) bool { return d.name == "load_module" })
	}
	for _, f := range c.roots {
		g.list(f.top, f.context)
		if f.context == inMain && !f.open && !leadsOut(f.top) && f.lacksEvents() {
			f.add(fault{rule: ruleNoEvents, line: 1, reported: -1, message: `there is no "events" section: nginx does not start without one, even if it is empty`,
				fix: []change{f.replace(1, "events {}\n"+f.text(1))}})
		}
	}
}

func (f *file) lacksEvents() bool {
	all := flat(f.top)
	return slices.ContainsFunc(all, func(d *directive) bool { return d.name == "http" || d.name == "stream" || d.name == "mail" }) &&
		!slices.ContainsFunc(all, func(d *directive) bool { return d.name == "events" || !known(d.name) })
}

// list checks what stands in one block, each included file in its place.
func (g *grammar) list(list []*directive, in context) {
	g.duplicates(flat(list), in)
	for _, d := range list {
		g.one(d, in)
		for _, f := range d.included {
			f.context = in
			f.open = f.open || d.file.open
			g.list(f.top, in)
		}
		if !d.isBlock {
			continue
		}
		if inside, data := in.enter(d.name); data {
			g.entries(d)
		} else {
			g.list(d.block, inside)
		}
	}
}

func (g *grammar) one(d *directive, in context) {
	d.in = in
	masks, ok := lookup(d.name)
	switch {
	case in == 0: // the block is unknown; what it holds may be anything
	case d.name == "include":
		if len(d.words) != 2 || d.isBlock {
			d.refuse(ruleArguments, "the directive \"include\" takes one argument")
		}
	case !ok:
		g.unknown(d, in)
	case plusOnly(d.name):
		d.refuse(rulePlus, fmt.Sprintf("the directive %q exists in NGINX Plus only", d.name))
	case places(d.name)&in == 0:
		d.refuse(ruleContext, fmt.Sprintf("the directive %q is not allowed here, in %s; it may stand in: %s", d.name, in, places(d.name)))
	case !fits(d.name, d.args(), d.ends(), in):
		d.misfit(masks, in)
	default:
		d.parameters()
	}
}

// ends is the terminator; a missing semicolon has been told of already.
func (d *directive) ends() byte {
	if d.term == '}' {
		return ';'
	}
	return d.term
}

func (d *directive) refuse(rule, message string, fix ...change) {
	d.file.add(fault{rule: rule, line: d.words[0].line, reported: d.line, message: message, fix: fix})
}

// misfit says what of the directive's form is wrong: the least wrong of the
// forms that it may have here.
func (d *directive) misfit(masks []uint, in context) {
	best, mask := noBlock, uint(0)
	for _, m := range masks {
		if context(m)&in == 0 {
			continue
		}
		if p := fit(m, d.args(), d.ends()); mask == 0 || p > best {
			best, mask = p, m
		}
	}
	switch best {
	case noBlock:
		d.refuse(ruleBlock, fmt.Sprintf("the directive %q has no block: a \"{\" is missing", d.name))
	case noSemicolon:
		w := d.words[len(d.words)-1]
		d.file.add(fault{rule: ruleSemicolon, line: w.lastLine, reported: d.line,
			message: fmt.Sprintf("the directive %q has a block and takes none: a \";\" is probably missing", d.name)})
	case wrongFlag:
		d.refuse(ruleFlag, fmt.Sprintf("the value of %q must be on or off", d.name), d.flagFix()...)
	case wrongExpr:
		d.refuse(ruleArguments, fmt.Sprintf("the condition of %q must stand in parentheses", d.name))
	default:
		d.refuse(ruleArguments, fmt.Sprintf("the directive %q has %d arguments and takes %s", d.name, len(d.words)-1, wants(mask)))
	}
}

// flagFix corrects what people write for on and off.
func (d *directive) flagFix() []change {
	with := map[string]string{"yes": "on", "true": "on", "1": "on", "enable": "on", "enabled": "on",
		"no": "off", "false": "off", "0": "off"}[strings.ToLower(d.arg(1))]
	if with == "" || d.words[1].quoted {
		return nil
	}
	return []change{d.file.setWord(d.words[1], with)}
}

// wants says how many arguments a mask allows.
func wants(mask uint) string {
	if mask&isFlag != 0 {
		return "one: on or off"
	}
	if mask&takes1Up != 0 {
		return "at least 1"
	}
	if mask&takes2Up != 0 {
		return "at least 2"
	}
	var counts []string
	for n := range 8 {
		if mask&(takes0<<n) != 0 {
			counts = append(counts, fmt.Sprint(n))
		}
	}
	if len(counts) == 0 {
		return "another number"
	}
	return strings.Join(counts, " or ")
}

// entries checks the lines of a map: each has two words, and a key stands once.
func (g *grammar) entries(d *directive) {
	if d.name != "map" && d.name != "geo" && d.name != "charset_map" {
		return
	}
	seen := map[string]int{}
	for _, e := range d.block {
		n := len(e.words)
		switch {
		case n == 1 && (d.name == "map" && (e.name == "hostnames" || e.name == "volatile") || d.name == "geo" && e.name == "ranges"):
		case n != 2:
			e.refuse(ruleMap, fmt.Sprintf("an entry of %q has two words, this one has %d", d.name, n))
		case d.name == "map" && e.name != "include" && seen[e.name] > 0:
			e.refuse(ruleMap, fmt.Sprintf("the map has an entry for %q already, in line %d", short(e.name), seen[e.name]))
		default:
			seen[e.name] = e.words[0].line
		}
	}
}

// thirdParty begin the names of directives that well-known modules bring.
var thirdParty = []string{"auth_jwt", "auth_pam", "brotli", "cache_purge", "dav_ext", "echo", "fancyindex", "lua_", "modsecurity", "nchan", "opentelemetry",
	"opentracing", "pagespeed", "passenger", "push_stream", "rtmp", "secure_cookie", "session_sticky", "set_by", "subs_filter", "upload_", "vhost_traffic_status", "zstd", "naxsi"}

func (g *grammar) unknown(d *directive, in context) {
	foreign := func(prefix string) bool { return strings.HasPrefix(strings.ToLower(d.name), prefix) }
	if g.modules || slices.ContainsFunc(thirdParty, foreign) {
		d.file.add(fault{rule: ruleModule, line: d.words[0].line, reported: d.line,
			message: fmt.Sprintf("the directive %q is not one of nginx itself: nginx starts only with the module that brings it", short(d.name))})
		return
	}
	message := fmt.Sprintf("unknown directive %q", short(d.name))
	var fix []change
	if g.guesses++; g.guesses <= maxGuesses {
		names := similar(d.name, func(name string) bool {
			return places(name)&in != 0 && fits(name, d.args(), d.ends(), in)
		})
		if len(names) > 0 {
			message += fmt.Sprintf("; did you mean %s?", strings.Join(names, " or "))
		}
		if len(names) == 1 && !d.words[0].quoted {
			fix = []change{d.file.setWord(d.words[0], names[0])}
		}
	}
	d.refuse(ruleUnknown, message, fix...)
}

// short bounds foreign words in messages.
func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
