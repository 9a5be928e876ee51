package nginx

import (
	"regexp"
	"slices"
	"strings"
)

// level is what stands in one block, with what includes bring, by name.
type level struct {
	list  []*directive
	named map[string][]*directive
	outer *level // nil at the top
	of    *directive
	root  *file
	// open means that there may be more here than these files show.
	open    bool
	sockets map[string]*socket
}

// socket is an address with the servers that listen on it.
type socket struct {
	listens  []*directive // the first of each server, in order
	standard *directive   // the first default_server
}

// listening finds who listens where, among the servers of a level.
func (l *level) listening() map[string]*socket {
	if l.sockets != nil {
		return l.sockets
	}
	l.sockets = map[string]*socket{}
	for _, server := range l.named["server"] {
		for _, d := range server.level().named["listen"] {
			s := l.sockets[listensOn(d)]
			if s == nil {
				s = &socket{}
				l.sockets[listensOn(d)] = s
			}
			if n := len(s.listens); n == 0 || s.listens[n-1].above() != server {
				s.listens = append(s.listens, d)
			}
			if s.standard == nil && isDefault(d) {
				s.standard = d
			}
		}
	}
	return l.sockets
}

func newLevel(list []*directive, of *directive, root *file, outer *level) *level {
	l := &level{list: flat(list), named: map[string][]*directive{}, of: of, root: root, outer: outer}
	for _, d := range l.list {
		l.named[d.name] = append(l.named[d.name], d)
	}
	l.open = leadsOut(l.list) || outer == nil && root.open
	return l
}

// level is what stands in d's block.
func (d *directive) level() *level {
	if d.inner == nil {
		d.inner = newLevel(d.block, d, d.root(), d.around())
	}
	return d.inner
}

// around is the level in which d stands.
func (d *directive) around() *level {
	if b := d.above(); b != nil {
		return b.level()
	}
	f := d.root()
	if f.level == nil {
		f.level = newLevel(f.top, nil, f, nil)
	}
	return f.level
}

func (l *level) first(name string) *directive {
	if all := l.named[name]; len(all) > 0 {
		return all[0]
	}
	return nil
}

func (l *level) has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return len(l.named[n]) > 0 })
}

// inherited are the directives of a name that count at l: those of the nearest
// level that has any. sure means that there are no others which these files do
// not show.
func (l *level) inherited(name string) (found []*directive, sure bool) {
	for sure = true; l != nil; l = l.outer {
		sure = sure && !l.open
		if all := l.named[name]; len(all) > 0 {
			return all, true
		}
	}
	return nil, sure
}

// lacks reports that nothing of any of these names counts at l, for certain.
func (l *level) lacks(names ...string) bool {
	for _, name := range names {
		if found, sure := l.inherited(name); len(found) > 0 || !sure {
			return false
		}
	}
	return true
}

// value is the first argument that counts at l; empty where nothing is set.
func (l *level) value(name string) string {
	found, _ := l.inherited(name)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1].arg(1)
}

var variable = regexp.MustCompile(`\$(?:\{([a-zA-Z0-9_]+)\}|([a-zA-Z0-9_]+))`)

// variables are the names of the variables in a value.
func variables(value string) []string {
	var names []string
	for _, m := range variable.FindAllStringSubmatch(value, -1) {
		names = append(names, m[1]+m[2])
	}
	return names
}

// fromClient reports a variable that holds what a client sent.
func fromClient(name string) bool {
	for _, prefix := range []string{"arg_", "http_", "cookie_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"args", "query_string", "request_uri", "uri", "document_uri", "host", "request_body"}, name)
}

// maxSets bounds how many values of one variable are followed.
const maxSets = 20

// clientIn names a variable in value whose text a client chooses, where d
// stands; empty for none. Captures of regular expressions count, and variables
// that a set fills with such. seen holds what was followed already.
func clientIn(value string, d *directive, seen map[string]bool) string {
	for _, name := range variables(value) {
		if fromClient(name) || captured(name, d) {
			return "$" + name
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		followed := 0
		for l := d.around(); l != nil; l = l.outer {
			for _, s := range l.named["set"] {
				if s.arg(1) != "$"+name {
					continue
				}
				if clientIn(s.arg(2), s, seen) != "" {
					return "$" + name
				}
				if followed++; followed == maxSets {
					break
				}
			}
		}
	}
	return ""
}

// captured reports whether a regular expression around d fills the variable.
func captured(name string, d *directive) bool {
	number := len(name) == 1 && name >= "1" && name <= "9"
	for b := d.above(); b != nil; b = b.above() {
		var pattern string
		switch b.name {
		case "location":
			mod, path := locationOf(b)
			if mod == "~" || mod == "~*" {
				pattern = path
			}
		case "if":
			pattern = strings.Join(b.args(), " ")
			if !strings.Contains(pattern, " ~") {
				pattern = ""
			}
		}
		if pattern == "" {
			continue
		}
		if number && strings.Contains(pattern, "(") || strings.Contains(pattern, "<"+name+">") {
			return true
		}
	}
	return false
}
