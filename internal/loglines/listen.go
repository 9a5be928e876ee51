package loglines

import (
	"strconv"
)

var listens = linePattern(`(?i)\b(?:listen(?:ing|s)?|serv(?:ing|es)|started|running|bound|accepting connections)\b[^\n]{0,60}?(?:\bport(?:\(s\))?[ =:]+|(?:^|[^\d]):|\d\.\d{1,3}:|\]:)(\d{2,5})(?:[^\d:]|$)`)

// advice is what a client tells of a server that it cannot reach.
var advice = linePattern(`(?i)\b(?:make sure|ensure|check (?:that|if|whether|the)|verify|is the (?:\w+ )?server)\b`)

// Listens reads the port of a line that says where a server listens; 0 if
// the line says no such thing.
func Listens(line string) int32 {
	m := listens.FindStringSubmatch(line)
	if m == nil || advice.MatchString(line) {
		return 0
	}
	port, err := strconv.ParseInt(m[1], 10, 32)
	if err != nil || port < 1 || port > 65535 {
		return 0
	}
	return int32(port)
}
