package loglines

import "regexp"

// SomeService rejects in words that any program might use, also of its own
// clients: they count only as the last words of a program that ended.
const SomeService = "a service that it calls"

// HTTPService is any service that answers 401.
const HTTPService = "an HTTP service"

// systems are the kinds of service that reject credentials in words of their
// own.
var systems = []struct {
	name    string
	rejects *regexp.Regexp
}{
	{"PostgreSQL", regexp.MustCompile(`\bpassword authentication failed for user\b|\bSASL authentication failed\b`)},
	{"MySQL", regexp.MustCompile(`\bAccess denied for user '[^']*'@'[^']*' \(using password: (?:YES|NO)\)`)},
	{"MongoDB", regexp.MustCompile(`\(AuthenticationFailed\) Authentication failed|\bMongo(?:Server)?Error: Authentication failed|\bauth error: .*[Aa]uthentication failed`)},
	{"Redis", regexp.MustCompile(`\bWRONGPASS invalid username-password pair|\bERR invalid password\b`)},
	{"RabbitMQ", regexp.MustCompile(`\bACCESS_REFUSED - Login was refused\b|\busername or password not allowed\b`)},
	{"Kafka", regexp.MustCompile(`\bSaslAuthenticationException: |\bSASL authentication error\b|\bSASL Authentication failed\b`)},
	{"SQL Server", regexp.MustCompile(`\bLogin failed for user '[^']+'`)},
	{"LDAP", regexp.MustCompile(`\bLDAP Result Code 49\b|\bLDAP: error code 49\b`)},
	{"the mail server", regexp.MustCompile(`\b535[ -]5\.7\.\d+ `)},
	{"AWS", regexp.MustCompile(`\b(?:InvalidAccessKeyId|InvalidClientTokenId|SignatureDoesNotMatch)\b`)},
	{HTTPService, regexp.MustCompile(`\b401 Client Error: Unauthorized for url\b|(?i:\b(?:status|status code|statuscode|returned|responded with|answered|response code|http/1\.1|http/2)[:=]? ?(?:http )?401\b|\b401 unauthorized\b)`)},
	{SomeService, regexp.MustCompile(`(?i)\b(?:invalid|wrong|bad|incorrect) (?:user ?name or password|credentials|password|api key|api token)\b|\bauthentication failed\b|\blogin failed\b`)},
}

// Systems lists the kinds of service that a Reason may name.
func Systems() []string {
	out := make([]string, len(systems))
	for n := range systems {
		out[n] = systems[n].name
	}
	return out
}

// readRejection reads which kind of service rejects the program's credentials.
func readRejection(line string) (Reason, bool) {
	for _, s := range systems {
		if s.rejects.MatchString(line) {
			return Reason{Trouble: Credentials, System: s.name}, true
		}
	}
	return Reason{}, false
}
