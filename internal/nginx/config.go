package nginx

import (
	"path"
	"slices"
	"strings"
)

// config are files that belong together, such as the keys of one ConfigMap.
type config struct {
	files []*file // sorted by name
	roots []*file
}

// read parses files and joins them by their includes. Where all is false, files
// that do not look like nginx's are left out.
func read(texts map[string]string, all bool) (c *config, leftOut []string) {
	c = &config{}
	left := maxDirectives
	names := make([]string, 0, len(texts))
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := newFile(name, texts[name])
		if !all && !mayBeNginx(texts[name]) {
			leftOut = append(leftOut, name)
			continue
		}
		f.parse(&left)
		if !all && !f.looksLikeNginx() {
			leftOut = append(leftOut, name)
			continue
		}
		c.files = append(c.files, f)
	}
	c.join()
	return c, leftOut
}

// mayBeNginx is the cheap part of looksLikeNginx.
func mayBeNginx(text string) bool {
	return !strings.Contains(text, "\x00") && strings.ContainsAny(text, ";{")
}

// looksLikeNginx reports whether most statements at the upper levels are
// directives of nginx. Other servers have blocks called server, too.
func (f *file) looksLikeNginx() bool {
	good, bad := 0, 0
	var count func(list []*directive, depth int)
	count = func(list []*directive, depth int) {
		for _, d := range list {
			if known(d.name) && (!d.isBlock || fitsBlock(d)) {
				good++
			} else {
				bad++
			}
			if _, data := context(0).enter(d.name); !data && depth < 3 {
				count(d.block, depth+1)
			}
		}
	}
	count(f.top, 0)
	return good > bad
}

func fitsBlock(d *directive) bool { return fits(d.name, d.args(), '{', 0) }

// join resolves includes, finds the roots, and gives each file its context.
func (c *config) join() {
	for _, f := range c.files {
		f.each(func(d *directive) {
			if d.name == "include" && len(d.words) == 2 {
				c.include(d)
			}
		})
	}
	for _, f := range c.files {
		if f.by == nil {
			c.roots = append(c.roots, f)
		}
	}
	for _, f := range c.roots {
		f.context = infer(f)
		f.open = f.open || f.context != inMain
	}
}

// include finds the files that an include means. Nobody knows where a ConfigMap
// is mounted, so that the last part of the path decides, and it must be one of
// the files at hand: no path leads out of them. A file is included once, and
// never by itself.
func (c *config) include(d *directive) {
	base := path.Base(d.arg(1))
	for _, f := range c.files {
		matches, err := path.Match(base, path.Base(f.name))
		if err != nil || !matches || f == d.file || f.by != nil || f.isMain() || f.includes(d.file) {
			continue
		}
		f.by = d
		d.included = append(d.included, f)
	}
}

// isMain reports a file that nothing can include.
func (f *file) isMain() bool {
	return slices.ContainsFunc(f.top, func(d *directive) bool { return d.name == "events" || d.name == "http" })
}

// includes reports whether other is brought by f, however deep.
func (f *file) includes(other *file) bool {
	for by := other.by; by != nil; by = by.file.by {
		if by.file == f {
			return true
		}
	}
	return false
}

// each visits all directives of a file.
func (f *file) each(visit func(*directive)) {
	var walk func([]*directive)
	walk = func(list []*directive) {
		for _, d := range list {
			visit(d)
			walk(d.block)
		}
	}
	walk(f.top)
}

// infer finds the place of a file that no other includes: the one in which the
// fewest of its directives are out of place.
func infer(f *file) context {
	if slices.ContainsFunc(f.top, func(d *directive) bool { return d.name == "http" || d.name == "events" }) {
		return inMain
	}
	best, least := inMain, -1
	for _, in := range []context{inMain, inHTTP, inServer, inLocation, inStream, inUpstream, inStreamServer, inMail} {
		wrong := 0
		for _, d := range f.top {
			if known(d.name) && (places(d.name)&in == 0 || d.isBlock && !fits(d.name, d.args(), '{', in)) {
				wrong++
			}
		}
		if least < 0 || wrong < least {
			best, least = in, wrong
		}
	}
	return best
}

// above is the block in which a directive stands, also where a file brings it;
// nil at the top.
func (d *directive) above() *directive {
	for d.parent == nil {
		if d.file.by == nil {
			return nil
		}
		d = d.file.by
	}
	return d.parent
}

// flat lists directives with what includes bring.
func flat(list []*directive) []*directive {
	var out []*directive
	for _, d := range list {
		out = append(out, d)
		for _, f := range d.included {
			out = append(out, flat(f.top)...)
		}
	}
	return out
}

// root is the file at the top of everything that d belongs to.
func (d *directive) root() *file {
	f := d.file
	for f.by != nil {
		f = f.by.file
	}
	return f
}

// harmless are files of every nginx that only set types and parameters.
func harmless(name string) bool {
	base := path.Base(name)
	return base == "mime.types" || strings.HasSuffix(base, "_params") || base == "fastcgi.conf" || strings.HasPrefix(base, "koi-") || base == "win-utf"
}

// leadsOut reports whether a list has an include whose file is not at hand.
func leadsOut(list []*directive) bool {
	return slices.ContainsFunc(list, func(d *directive) bool {
		return d.name == "include" && len(d.included) == 0 && !harmless(d.arg(1))
	})
}
