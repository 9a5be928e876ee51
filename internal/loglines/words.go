package loglines

import (
	"regexp"
	"strings"
)

var (
	// saidIn are the fields in which structured lines, JSON or logfmt, carry words.
	saidIn   = regexp.MustCompile(`(?:^|[\s{,])"?(?:msg|message|err|error|error_message|reason|cause|exception|detail)"?\s*[:=]\s*"((?:[^"\\]|\\.)*)"`)
	saidFile = regexp.MustCompile(`(?:^|[\s{,])"?file"?[:=]"?(/[^\s",]+)`)
	unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, " ", `\t`, " ", `\/`, "/")

	// errorTuple are the arguments of a Python error: a code, and the message of
	// whoever sent it.
	errorTuple = regexp.MustCompile(`(Error|Exception|Warning)(:? ?)\((\d{1,5}), (?:"([^"]*)"|'([^']*)')\)`)

	// statusWords are how gRPC hands on what the transport below it said.
	statusWords = regexp.MustCompile(`\bdesc = "([^"]*)"`)

	quotation       = regexp.MustCompile(`"([^"]*)"`)
	singleQuotation = regexp.MustCompile(`(^|[\s(:=,\[])'([^']*)'`)
)

// spoken is what a program itself says in a line: the messages of a structured
// one or of an error, and of any the words without its quotations. A quotation
// without a blank is a name and stays.
func spoken(raw string) string {
	if !strings.ContainsAny(raw, `"'`) {
		return raw
	}
	line := raw
	if found := saidIn.FindAllStringSubmatch(raw, 4); found != nil {
		parts := make([]string, 0, len(found)+1)
		for _, m := range found {
			parts = append(parts, unescape.Replace(m[1]))
		}
		if m := saidFile.FindStringSubmatch(raw); m != nil {
			parts = append(parts[:1:1], append([]string{m[1]}, parts[1:]...)...)
		}
		line = strings.Join(parts, ": ")
	}
	line = errorTuple.ReplaceAllString(line, "$1$2($3: $4$5)")
	line = statusWords.ReplaceAllString(line, "desc = $1")
	line = quotation.ReplaceAllStringFunc(line, func(q string) string {
		if isPhrase(q[1 : len(q)-1]) {
			return `"…"`
		}
		return q
	})
	return singleQuotation.ReplaceAllStringFunc(line, func(q string) string {
		if start := strings.IndexByte(q, '\''); isPhrase(q[start+1 : len(q)-1]) {
			return q[:start] + "'…'"
		}
		return q
	})
}

func isPhrase(s string) bool { return strings.ContainsAny(strings.TrimSpace(s), " \t") }

// mildLevel marks lines below an error, by their level or by words that say
// that the program goes on.
var mildLevel = regexp.MustCompile(`(?i)^\W*(?:[-\d:.,tz/ ]+\W+)?(?:warn(?:ing)?|info|debug|notice|trace|note)\b` +
	`|\b(?:level|severity|lvl)"?[:=]\s*"?(?:warn(?:ing)?|info|debug|notice|trace)\b` +
	`|^[\w./-]+: (?:info|warning|notice|debug): |"s":"[IWD]\d?"|\b(?:fall(?:ing|s)? back|fallback|ignor(?:ed|ing)|skipp(?:ed|ing)|continuing|non-fatal|best effort)\b`)

var klogMild = regexp.MustCompile(`^[IWD]\d{4} `)

func isMild(raw string) bool { return mildLevel.MatchString(raw) || klogMild.MatchString(raw) }

// continued are lines that belong to the error above or below them.
var continued = regexp.MustCompile(`^\s+|^goroutine \d+ \[|^[\w./*()·\[\]-]+\([^)]*\)$|^\.\.\. \d+ |^exit status \d+$|^Traceback |^created by |^note: run with ` +
	`|^Node\.js v|^[})\]^~]+[;,]?$|^\[signal |^(?:During handling of|The above exception was) |^(?:DETAIL|HINT|CONTEXT|STATEMENT):`)

func continues(raw string) bool { return strings.TrimSpace(raw) == "" || continued.MatchString(raw) }

// closingWords are all that a line needs which says that the program ends, and
// not why.
var closingWords = wordSet(`fatal error errors err critical crit panic severe emerg alert a an the and or of in is was has it its with by due to after
	exit exiting exited exits giving give gives gave up attempt attempts try tries retry retries second seconds time times s ms aborting abort aborted
	shutting shut shutdown down terminating terminated stopping stopped quitting bye goodbye status code process program application app server service
	startup start starting boot bootstrap run running main initialization initialisation init initialize initialise failed failure cannot could can not
	unable continue now see above previous found configuration config file npm errno command script job task step worker t z utc gmt am pm level msg
	log pid database system child`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// retriesOver says that the last attempt has failed, and not in what: whatever
// was tried stands above.
var retriesOver = regexp.MustCompile(`(?i)^(?:[\w.$]*(?:error|exception|fatal|panic)[\w.$]*: )?(?:(?:reached )?(?:the )?max(?:imum)?(?: number of)? (?:retries|retry attempts|attempts)(?: per request)?(?: limit)?(?: reached| exceeded| exhausted)?|retr(?:y|ies)(?: limit| attempts)? (?:reached|exceeded|exhausted))` +
	`(?: \(which is \d+\)|: \d+/\d+)?\.?(?: Refer to "\w+" option for details\.)?$`)

// closes reports whether a line says nothing but that the program ends.
func closes(line string) bool {
	if retriesOver.MatchString(line) {
		return true
	}
	words := 0
	for word := range strings.FieldsFuncSeq(strings.ToLower(line), func(r rune) bool { return (r < 'a' || r > 'z') && r < 0x80 }) {
		if !closingWords[word] {
			return false
		}
		words++
	}
	return words > 0
}

var (
	works  = linePattern(`(?i)\b(?:listening on|serving (?:on|at|http)|accepting connections|ready to accept|started in \d|is up and running)\b`)
	served = regexp.MustCompile(`" (?:200|201|204|304) \d`) // an access log
)

// worksOn reports whether a program that says this has gone to work: what it
// complained of before did not stop it.
func worksOn(raw string) bool {
	return works.MatchString(raw) || served.MatchString(raw) || Listens(raw) != 0
}
