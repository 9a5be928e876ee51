package loglines

import (
	"regexp"
)

// contended are the words in which databases, pools and services turn away
// those who come too often or at the same time.
var contended = []struct {
	trouble Trouble
	pattern *regexp.Regexp
}{
	// PostgreSQL, MySQL, SQL Server, Oracle
	{Deadlock, regexp.MustCompile(`(?i)\bdeadlock detected(?: (?:\(|while\b|in\b|on\b|when\b)|$|[.,;:])|(?-i)\bDeadlock found when trying to get lock\b|\bwas deadlocked on lock resources with another process\b|\bORA-00060: deadlock detected\b`)},
	{Connections, regexp.MustCompile(`\bsorry, too many clients already\b|\bremaining connection slots are reserved\b|\b(?:ERROR 1040|Error 1040|1040).{0,10}: Too many connections\b|^(?:\w+: )?Too many connections$` +
		`|\bConnection is not available, request timed out after \d+ms\b|\bQueuePool limit of size \d+ overflow \d+ reached\b|\bTimeout acquiring a connection\b|\bTimed out fetching a new connection from the connection pool\b` +
		`|\btimeout exceeded when trying to connect\b|\bERR max number of clients reached\b|\bno more connections allowed \(max_client_conn\)|(?i)\bpool (?:is |was )?exhausted\b|\bcould not (?:get|obtain|acquire) (?:a |jdbc )?connection from (?:the )?(?:connection )?pool\b`)},
	{RateLimit, regexp.MustCompile(`(?i)\b429 too many requests\b|\b429 Client Error: Too Many Requests for url\b|\b(?:status|status code|statuscode|returned|responded with|response code)[:=]? ?(?:http )?429\b|\bAPI rate limit exceeded\b|\bRateLimitError: |\bThrottlingException: |\btoomanyrequests: |\brate limit (?:exceeded|reached)\b|\btoo many requests\b`)},
}

// readContention reads a deadlock, an exhausted pool or a rate limit.
func readContention(line string) (Reason, bool) {
	for _, c := range contended {
		if c.pattern.MatchString(line) {
			return Reason{Trouble: c.trouble}, true
		}
	}
	return Reason{}, false
}
