package loglines

import (
	"regexp"
	"strings"
)

// filePattern is an absolute path as messages write it.
const filePattern = `(/[^\s"'‘’:,;()\[\]=]+)`

// rejectedConfig are the words in which servers reject their configuration. Each
// names the file.
var rejectedConfig = []*regexp.Regexp{
	// nginx: [emerg] unknown directive "sever" in /etc/nginx/nginx.conf:12
	regexp.MustCompile(`\[emerg\] .* in ` + filePattern + `:\d+$`),
	// HAProxy: [ALERT] (1) : config : parsing [/usr/local/etc/haproxy/haproxy.cfg:8] : unknown keyword …
	regexp.MustCompile(`\[ALERT\].* parsing \[` + filePattern + `:\d+\]`),
	regexp.MustCompile(`\[ALERT\].* Error\(s\) found in configuration file : ` + filePattern + `$`),
	// Envoy: error initializing config '  /etc/envoy/envoy.yaml': Protobuf message …
	regexp.MustCompile(`\berror initializing config(?:uration)? '\s*` + filePattern + `'`),
	// PostgreSQL, the second as its last word
	regexp.MustCompile(`\b(?:syntax error|unrecognized configuration parameter "[^"]*") in file "` + filePattern + `" line \d+`),
	regexp.MustCompile(`\bconfiguration file "` + filePattern + `" contains errors`),
	// MySQL and MariaDB
	regexp.MustCompile(`\b(?:Found option without preceding group|Wrong group definition) in config file:? ` + filePattern + ` at line`),
	// Apache httpd: AH00526: Syntax error on line 3 of /usr/local/apache2/conf/httpd.conf:
	regexp.MustCompile(`\bSyntax error on line \d+ of ` + filePattern + `:`),
	// CoreDNS and Caddy
	regexp.MustCompile(filePattern + `:\d+ - Error during parsing: `),
	regexp.MustCompile(`\badapting config using \w+: .*` + filePattern + `:\d+`),
	// PyYAML, Python's configparser, Node's require
	regexp.MustCompile(`^\s+in "` + filePattern + `", line \d+, column \d+`),
	regexp.MustCompile(`^file: '` + filePattern + `', line: \d+`),
	regexp.MustCompile(`\bSource contains parsing errors: '` + filePattern + `'`),
	regexp.MustCompile(`^SyntaxError: ` + filePattern + `: `),
}

// Everybody else's sentence has a file, a word for reading it, and a word that
// finds fault with what it says.
var (
	readsConfig = []*regexp.Regexp{
		regexp.MustCompile(`(?i)\b(?:error|fail(?:ed|ure)|cannot|can't|could not|couldn't|unable|problem)\b[^/]{0,60}\b(?:pars|load|read|decod|unmarshal|process|validat|initiali[sz])[a-z]*\b[^/]{0,60}` + filePattern),
		regexp.MustCompile(`(?i)\b(?:load|read|pars)[a-z]* (?:the )?config(?:uration)?(?: file)? failed:? ["']?` + filePattern),
		regexp.MustCompile(`(?i)\bparsing (?:yaml |json |toml |config(?:uration)? )?(?:file )?["']?` + filePattern),
		regexp.MustCompile(`(?i)\b(?:invalid|malformed|illegal|bad) (?:config(?:uration)?|settings|yaml|json|toml)(?: file)?:? ["']?` + filePattern),
		regexp.MustCompile(`(?i)\b(?:config(?:uration)?|settings)(?: file)?:? ["']?` + filePattern + `["']?:? (?:is |has )`),
		regexp.MustCompile(`(?i)\bsyntax error (?:in|at)(?: file)? ["']?` + filePattern),
		regexp.MustCompile(`(?i)` + filePattern + `(?::\d+)+:? .*\b(?:error|unexpected|invalid|unknown|expected|unrecogni[sz]ed|duplicate)\b`),
	}
	findsFault = regexp.MustCompile(`(?i)\b(?:yaml: |toml: |json: |unmarshal|invalid|malformed|illegal|unexpected (?:token|end|eof|character|key|identifier)|mapping values|did not find expected|expected\b|unknown (?:field|key|option|directive|property|parameter|section)|unrecogni[sz]ed|syntax error|parse error|parsing error|duplicate|not valid|missing (?:closing|separator|semicolon)|bare keys)`)
	// What is wrong with the file's place or with others is no fault of its text.
	otherFault = regexp.MustCompile(`(?i)no such file|not found in upstream|could not be resolved|no such host|permission denied|read-only file system|is a directory|certificate|cannot load|bind\(\)|connection refused|input/output error`)
	// redisConfig names no file: the command line does.
	redisConfig = regexp.MustCompile(`^\*\*\* FATAL CONFIG FILE ERROR\b.*\*\*\*$`)
)

// readRejectedFile reads which configuration file a program rejects.
func readRejectedFile(line string) (Reason, bool) {
	if redisConfig.MatchString(line) {
		return Reason{Trouble: Configuration}, true
	}
	if !strings.Contains(line, "/") || otherFault.MatchString(line) {
		return Reason{}, false
	}
	for _, re := range rejectedConfig {
		if m := re.FindStringSubmatch(line); m != nil {
			return Reason{Trouble: Configuration, Path: m[1]}, true
		}
	}
	if !findsFault.MatchString(line) {
		return Reason{}, false
	}
	for _, re := range readsConfig {
		if m := re.FindStringSubmatch(line); m != nil {
			return Reason{Trouble: Configuration, Path: strings.TrimRight(m[1], ".")}, true
		}
	}
	return Reason{}, false
}
