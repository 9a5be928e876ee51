package loglines

// The parts of the patterns below. A peer is a host, an address or what
// redaction made of one; clients that write host/address mean one peer.
const (
	peerPart = `(?:([A-Za-z0-9][A-Za-z0-9_.-]{0,252})/)?(⟨[^⟩\n]{1,300}⟩|\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9_.-]{0,252})`
	portPart = `(?::(\d{1,5})\b)?`
	endpoint = peerPart + portPart
	// lookupPart is how Go begins what its resolver says.
	lookupPart = `\blookup (?:⟨[^⟩\n]{1,300}⟩|\S{1,300})(?: on (?:⟨[^⟩\n]{1,300}⟩|[^\s:]{1,100})(?::\d{1,5})?)?: `
)

// clientWords are the forms in which clients name the peer that they could not
// reach. Their groups are a host before a slash, the peer, and its port.
var clientWords = linePatterns(
	// Go
	`\blookup `+peerPart+`(?: on [^\s]|: )`,
	`\bdial (?:tcp|udp)[46]? `+endpoint+`: `,
	// libpq, psycopg, JDBC
	`server at "`+peerPart+`"(?: \([^)\n]*\))?, port (\d{1,5}) failed`,
	`translate host name "`+peerPart+`" to address`,
	`\bConnection to `+endpoint+` refused`,
	// Python: redis, urllib3, aiohttp, pymongo
	`\bError -?\d+ connecting to `+endpoint+`\. `,
	`ConnectionPool\(host=['"]`+peerPart+`['"], port=(\d{1,5})\)`,
	`Failed to resolve '`+endpoint+`'`,
	`\bCannot connect to host `+endpoint+` `,
	`(?:^|ServerSelectionTimeoutError: )`+peerPart+`:(\d{1,5}): (?:\[Errno|timed out)`,
	// MySQL in every language
	`(?i:can't connect to (?:MySQL |MariaDB )?server on) '`+endpoint+`'`,
	`(?i:unknown (?:MySQL |MariaDB )?server host) '`+peerPart+`'`,
	// Java: sockets, Netty, Apache, OkHttp, Kafka; .NET writes the second form
	`\bUnknownHostException: `+endpoint,
	`(?i:connection (?:refused|timed out)(?: after \d+ ms)?): `+peerPart+`:(\d{1,5})\b`,
	`(?i:connection refused|name or service not known) \(`+peerPart+`:(\d{1,5})\)`,
	`\bConnect to `+endpoint+` (?:\[[^\]\n]*\] )?failed: `,
	`\bUnable to connect to `+endpoint,
	`\bConnection to node -?\d+ \(`+endpoint+`\)`,
	`\bresolve server `+endpoint+` from bootstrap`,
	`\bConnect to ipv[46]#`+endpoint+` failed`,
	// Node.js
	`\b(?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH) `+endpoint,
	`\b(?:getaddrinfo|query[A-Za-z]+) (?:ENOTFOUND|EAI_AGAIN|ESERVFAIL|ETIMEOUT) `+endpoint,
	// Ruby, PHP, Elixir
	`connect\(2\) for "?`+peerPart+`"?(?:(?: port |:)(\d{1,5}))?`,
	`\bRedis on `+endpoint,
	`\bTCP connection to `+endpoint,
	`\bgetaddrinfo for `+peerPart+` failed`,
	`\bunable to connect to (?:tcp://)?`+endpoint,
	`\btcp connect \(`+endpoint+`\)`,
	// command-line clients
	`\bbad address '`+endpoint+`'`,
	`^nc: `+peerPart+` \([^()\n]*?:(\d{1,5})\): `,
	`\bcan't connect to remote host(?: \(|: )`+endpoint,
	`\bconnect to `+peerPart+`(?: \([^)\n]*\))? port (\d{1,5})`,
	`\bgetaddrinfo for host "`+peerPart+`" port (\d{1,5})`,
	`(?i:\bcould not resolve host(?:name)?|\bunable to resolve host address):? ['"‘]?`+peerPart,
	`\bcan't resolve '`+peerPart+`'`,
	`\bserver can't find `+peerPart+`: `,
	`\bconnect to Redis at `+endpoint,
	`^`+peerPart+`:(\d{1,5}) - no response$`,
	// Prisma
	`(?i:can't reach database server at) [\x60'"]?`+endpoint,
	`\bConnecting to [^\s|]+ \([^)\n]*\)\|`+peerPart+`\|:(\d{1,5})\.\.\. failed`,
	// proxies
	`\bhost not found in upstream "`+endpoint+`"`,
	`\bupstream: "[a-z]+://`+endpoint,
	// any client that says which URL it called
	`\b[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@"']{0,200}@)?`+endpoint,
)

// looseWords name a peer by form alone.
var looseWords = linePatterns(
	`(?:^|[\s"'(=,@])`+peerPart+`:(\d{1,5})(?:$|[\s"',;:)/])`,
	`(?i:\b(?:connect(?:ing|ion)? (?:to|with)|reach|contact)(?: (?:at|host|server|the))*) ['"]?`+endpoint,
)

// callFailures are tried in this order: a failed lookup may also speak of a time-out.
var callFailures = []struct {
	how     Failure
	pattern *pattern
}{
	{NameTimeout, linePattern(lookupPart + `(?:(?:read|dial|write) (?:udp|tcp)[^\n]{0,300}: )?i/o timeout|(?i:no servers could be reached|communications error to \S+: timed out|\bresolving timed out)|\bquery\w+ ETIMEOUT`)},
	{NameUnknown, linePattern(`(?i)\bno such host\b|\bENOTFOUND\b|name or service not known|name does not resolve|no address associated with hostname|nodename nor servname|\bnxdomain\b`)},
	{NameFailed, linePattern(`(?i)bad address '|temporary failure in name resolution|\bEAI_AGAIN\b|\bESERVFAIL\b|server misbehaving|could not translate host name|(?:could not|unable to) resolve host|unknown (?:(?:mysql|mariadb) )?(?:server )?host|UnknownHostException|host not found in upstream|can't resolve '|server can't find \S+: |failed to resolve '|couldn't resolve server|getaddrinfo for \S+ failed|` + lookupPart + `(?:dial|read) `)},
	{Unreachable, linePattern(`(?i)connection refused|\bECONNREFUSED\b|actively refused|connect call failed|no route to host|\bEHOSTUNREACH\b|\bENETUNREACH\b|host is unreachable|network is unreachable|\bConnection to \S+ refused|couldn't connect to server|could not connect to server|can't connect to (?:mysql |mariadb )?server on|can't reach database server|could not be established|:\d+ - no response$`)},
	{TimedOut, linePattern(`(?i)i/o timeout|connection timed out|\bETIMEDOUT\b|timeout expired|connect timeout|connect timed out|timeout was reached|timed out\b|while waiting for connection|context deadline exceeded`)},
}

// connectedBefore are time-outs of a connection that stood.
var connectedBefore = linePattern(`(?i)read timed out|awaiting headers|read timeout|sockettimeoutexception: read`)
