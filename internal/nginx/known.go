package nginx

import (
	"slices"
	"strings"
)

// The bits in which the library says how many arguments a directive takes and
// what ends it. They are nginx's own; the library hands them out and does not
// name them, so that a test holds each against directives of which it is known.
const (
	takes0   = 0x0001 // and 0x2 for one argument, up to 0x80 for seven
	isABlock = 0x0100
	isExpr   = 0x0200 // in parentheses: if
	isFlag   = 0x0400 // on or off
	takesAny = 0x0800
	takes1Up = 0x1000
	takes2Up = 0x2000
)

// context is where a directive stands, as the library's bits. The zero value is
// a place of which nothing is known, where nothing is refused.
type context uint

const (
	inMgmt         context = 0x00020000
	inMain         context = 0x00040000
	inEvents       context = 0x00080000
	inMail         context = 0x00100000
	inMailServer   context = 0x00200000
	inStream       context = 0x00400000
	inStreamServer context = 0x00800000
	inStreamUps    context = 0x01000000
	inHTTP         context = 0x02000000
	inServer       context = 0x04000000
	inLocation     context = 0x08000000
	inUpstream     context = 0x10000000
	inServerIf     context = 0x20000000
	inLocationIf   context = 0x40000000
	inLimitExcept  context = 0x80000000

	allContexts context = 0xfffe0000
	inHTTPAny           = inHTTP | inServer | inLocation | inUpstream | inServerIf | inLocationIf | inLimitExcept
)

// contextNames are as nginx's documentation writes them.
var contextNames = []struct {
	in   context
	name string
}{
	{inMain, "main"}, {inEvents, "events"}, {inHTTP, "http"}, {inServer, "server"}, {inLocation, "location"},
	{inServerIf, "if in server"}, {inLocationIf, "if in location"}, {inLimitExcept, "limit_except"}, {inUpstream, "upstream"},
	{inStream, "stream"}, {inStreamServer, "server in stream"}, {inStreamUps, "upstream in stream"},
	{inMail, "mail"}, {inMailServer, "server in mail"}, {inMgmt, "mgmt"},
}

func (c context) String() string {
	var names []string
	for _, n := range contextNames {
		if c&n.in != 0 {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		return "nowhere"
	}
	return strings.Join(names, ", ")
}

// enter is the context inside a block; data reports a block whose statements
// are no directives.
func (c context) enter(name string) (inside context, data bool) {
	if slices.Contains([]string{"map", "geo", "types", "split_clients", "charset_map", "geoip2", "match"}, name) || isLua(name) {
		return 0, true
	}
	switch {
	case c == inMain:
		return map[string]context{"events": inEvents, "http": inHTTP, "stream": inStream, "mail": inMail, "mgmt": inMgmt}[name], false
	case c == inHTTP:
		return map[string]context{"server": inServer, "upstream": inUpstream}[name], false
	case c == inServer:
		return map[string]context{"location": inLocation, "if": inServerIf}[name], false
	case c == inLocation:
		return map[string]context{"location": inLocation, "if": inLocationIf, "limit_except": inLimitExcept}[name], false
	case c == inStream:
		return map[string]context{"server": inStreamServer, "upstream": inStreamUps}[name], false
	case c == inMail:
		return map[string]context{"server": inMailServer}[name], false
	}
	return 0, false
}

// lookup finds what is known of a directive.
func lookup(name string) ([]uint, bool) {
	for _, table := range tables {
		if masks, ok := table(name); ok {
			return masks, true
		}
	}
	return nil, false
}

func known(name string) bool { _, ok := lookup(name); return ok }

// places are the contexts in which a directive may stand.
func places(name string) context {
	if name == "include" {
		return allContexts
	}
	masks, _ := lookup(name)
	var in context
	for _, m := range masks {
		in |= context(m) & allContexts
	}
	return in
}

// problem is why a statement does not have the form of its directive.
type problem int

const (
	fine problem = iota
	noBlock
	noSemicolon
	wrongCount
	wrongFlag
	wrongExpr
)

// fit compares a statement with one mask.
func fit(mask uint, args []string, term byte) problem {
	switch {
	case mask&isABlock != 0 && term != '{':
		return noBlock
	case mask&isABlock == 0 && term == '{':
		return noSemicolon
	}
	if mask&isExpr != 0 {
		if n := len(args); n == 0 || !strings.HasPrefix(args[0], "(") || !strings.HasSuffix(args[n-1], ")") {
			return wrongExpr
		}
		return fine
	}
	n := len(args)
	switch {
	case mask&takesAny != 0, mask&takes1Up != 0 && n >= 1, mask&takes2Up != 0 && n >= 2, n <= 7 && mask&(takes0<<n) != 0:
		return fine
	case mask&isFlag != 0 && n == 1:
		if v := strings.ToLower(args[0]); v != "on" && v != "off" {
			return wrongFlag
		}
		return fine
	}
	return wrongCount
}

// fits reports whether a statement has the form of its directive in any of the
// contexts.
func fits(name string, args []string, term byte, in context) bool {
	if name == "include" {
		return len(args) == 1 && term != '{'
	}
	masks, _ := lookup(name)
	return slices.ContainsFunc(masks, func(m uint) bool {
		return (in == 0 || context(m)&in != 0) && fit(m, args, term) == fine
	})
}
