package nginx

import (
	"regexp"
	"strconv"
)

// Place is where nginx says that it refuses its configuration. Words is its own
// sentence without the place.
type Place struct {
	Path  string
	Line  int
	Words string
}

// emerg is nginx's line, on stderr or with the time and process of its log.
var emerg = regexp.MustCompile(`\[emerg\] (?:\d+#\d+: )?(.{1,1000}?) in (/[^\s"'‘’,;()\[\]=]{1,500}?):(\d{1,7})$`)

// ReadLog reads one line of a log; ok is false where it is no refusal that names
// file and line.
func ReadLog(line string) (p Place, ok bool) {
	m := emerg.FindStringSubmatch(line)
	if m == nil {
		return Place{}, false
	}
	n, err := strconv.Atoi(m[3])
	if err != nil || n == 0 {
		return Place{}, false
	}
	return Place{Path: m[2], Line: n, Words: m[1]}, true
}
