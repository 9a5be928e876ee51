package loglines

import (
	"strings"
	"testing"
)

func TestClientsNameThePeerTheyCannotReach(t *testing.T) {
	for line, want := range map[string]Call{
		// Go
		`dial tcp: lookup cahce on 10.96.0.10:53: no such host`:                                                                                                       {How: NameUnknown, Host: "cahce"},
		`dial tcp: lookup cahce: no such host`:                                                                                                                        {How: NameUnknown, Host: "cahce"},
		`dial tcp: lookup ⟨svc shop/cahce⟩ on ⟨svc kube-system/kube-dns⟩:53: no such host`:                                                                            {How: NameUnknown, Object: "svc shop/cahce"},
		`dial tcp: lookup cache on ⟨ip:0a1b2c⟩:53: read udp ⟨ip:aabbcc⟩:41200->⟨ip:0a1b2c⟩:53: i/o timeout`:                                                           {How: NameTimeout, Host: "cache"},
		`dial tcp: lookup cache.shop.svc.cluster.local on 10.96.0.10:53: server misbehaving`:                                                                          {How: NameFailed, Host: "cache.shop.svc.cluster.local"},
		`dial tcp: lookup cache on 10.96.0.10:53: dial udp 10.96.0.10:53: connect: network is unreachable`:                                                            {How: NameFailed, Host: "cache"},
		`dial tcp ⟨svc shop/cache⟩:6379: connect: connection refused`:                                                                                                 {How: Unreachable, Object: "svc shop/cache", Port: 6379},
		`2026/11/20 10:00:00 Get "http://api.shop:8080/v1": dial tcp ⟨svc shop/api⟩:8080: i/o timeout`:                                                                {How: TimedOut, Object: "svc shop/api", Port: 8080},
		`Get "http://api:8080/v1": dial tcp ⟨ip:0a1b2c⟩:8080: connect: no route to host`:                                                                              {How: Unreachable, Host: "api", Port: 8080},
		`rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp ⟨svc shop/grpc⟩:50051: connect: connection refused"`: {How: Unreachable, Object: "svc shop/grpc", Port: 50051},
		// Python
		`psycopg2.OperationalError: could not translate host name "postgres" to address: Name or service not known`:            {How: NameUnknown, Host: "postgres"},
		`psycopg2.OperationalError: could not translate host name "postgres" to address: Temporary failure in name resolution`: {How: NameFailed, Host: "postgres"},
		`psycopg2.OperationalError: connection to server at "db" (10.96.200.1), port 5432 failed: Connection refused`:          {How: Unreachable, Host: "db", Port: 5432},
		`psycopg2.OperationalError: connection to server at "db" (10.96.200.1), port 5432 failed: timeout expired`:             {How: TimedOut, Host: "db", Port: 5432},
		`redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.`:                            {How: Unreachable, Host: "cache", Port: 6379},
		`redis.exceptions.ConnectionError: Error -2 connecting to cahce:6379. Name or service not known.`:                      {How: NameUnknown, Host: "cahce", Port: 6379},
		`redis.exceptions.ConnectionError: Error -3 connecting to cache:6379. Temporary failure in name resolution.`:           {How: NameFailed, Host: "cache", Port: 6379},
		`requests.exceptions.ConnectionError: HTTPConnectionPool(host='api', port=8080): Max retries exceeded with url: / (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))`: {How: Unreachable, Host: "api", Port: 8080},
		`urllib3.exceptions.MaxRetryError: HTTPConnectionPool(host='apii', port=80): Max retries exceeded with url: / (Caused by NameResolutionError("<urllib3.connection.HTTPConnection object at 0x7f>: Failed to resolve 'apii' ([Errno -2] Name or service not known)"))`:         {How: NameUnknown, Host: "apii", Port: 80},
		"Error: P1001: Can't reach database server at `maindb:3306`":                                                                                {How: Unreachable, Host: "maindb", Port: 3306},
		`aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host api:8080 ssl:default [Connect call failed ('10.96.0.5', 8080)]`:     {How: Unreachable, Host: "api", Port: 8080},
		`pymongo.errors.ServerSelectionTimeoutError: mongo:27017: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 20000.0ms)`: {How: Unreachable, Host: "mongo", Port: 27017},
		`[ERROR/MainProcess] consumer: Cannot connect to amqp://guest:**@rabbit:5672//: [Errno 111] Connection refused.`:                            {How: Unreachable, Host: "rabbit", Port: 5672},
		// MySQL
		`pymysql.err.OperationalError: (2003, "Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)")`: {How: Unreachable, Host: "db"},
		`ERROR 2003 (HY000): Can't connect to MySQL server on 'db:3306' (111)`:                                           {How: Unreachable, Host: "db", Port: 3306},
		`ERROR 2002 (HY000): Can't connect to server on 'db' (115)`:                                                      {How: Unreachable, Host: "db"},
		`ERROR 2005 (HY000): Unknown MySQL server host 'bd' (-2)`:                                                        {How: NameFailed, Host: "bd"},
		// Java, .NET
		`Caused by: java.net.UnknownHostException: cahce: Name or service not known`:                                                                                     {How: NameUnknown, Host: "cahce"},
		`Caused by: java.net.UnknownHostException: cahce`:                                                                                                                {How: NameFailed, Host: "cahce"},
		`org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct`:                                                 {How: Unreachable, Host: "db", Port: 5432},
		`io.netty.channel.AbstractChannel$AnnotatedConnectException: Connection refused: cache/⟨svc shop/cache⟩:6379`:                                                    {How: Unreachable, Object: "svc shop/cache", Port: 6379},
		`io.netty.channel.ConnectTimeoutException: connection timed out after 10000 ms: cache/10.96.0.5:6379`:                                                            {How: TimedOut, Host: "cache", Port: 6379},
		`org.apache.http.conn.HttpHostConnectException: Connect to api:8080 [api/10.96.0.5] failed: Connection refused (Connection refused)`:                             {How: Unreachable, Host: "api", Port: 8080},
		`[Producer clientId=producer-1] Connection to node -1 (kafka/⟨svc shop/kafka⟩:9092) could not be established. Node may not be available.`:                        {How: Unreachable, Object: "svc shop/kafka", Port: 9092},
		`WARN Couldn't resolve server kafak:9092 from bootstrap.servers as DNS resolution failed for kafak`:                                                              {How: NameFailed, Host: "kafak", Port: 9092},
		`%3|1700000000.123|FAIL|rdkafka#producer-1| [thrd:kafka:9092/bootstrap]: kafka:9092/bootstrap: Connect to ipv4#⟨svc shop/kafka⟩:9092 failed: Connection refused`: {How: Unreachable, Object: "svc shop/kafka", Port: 9092},
		`System.Net.Http.HttpRequestException: Connection refused (api:8080)`:                                                                                            {How: Unreachable, Host: "api", Port: 8080},
		// Node.js
		`Error: connect ECONNREFUSED ⟨svc shop/cache⟩:6379`:         {How: Unreachable, Object: "svc shop/cache", Port: 6379},
		`Error: getaddrinfo ENOTFOUND cahce`:                        {How: NameUnknown, Host: "cahce"},
		`MongoServerSelectionError: getaddrinfo EAI_AGAIN mongo`:    {How: NameFailed, Host: "mongo"},
		`    errno: -111, code: 'ECONNREFUSED', syscall: 'connect'`: {How: Unreachable},
		// Ruby, PHP, Elixir
		`Failed to open TCP connection to api:8080 (Connection refused - connect(2) for "api" port 8080) (Errno::ECONNREFUSED)`: {How: Unreachable, Host: "api", Port: 8080},
		`Redis::CannotConnectError: Error connecting to Redis on cache:6379 (Errno::ECONNREFUSED)`:                              {How: Unreachable, Host: "cache", Port: 6379},
		`SocketError: Failed to open TCP connection to apii:80 (getaddrinfo: Name or service not known)`:                        {How: NameUnknown, Host: "apii", Port: 80},
		`PHP Warning:  php_network_getaddresses: getaddrinfo for cahce failed: Name or service not known`:                       {How: NameUnknown, Host: "cahce"},
		`** (DBConnection.ConnectionError) tcp connect (db:5432): connection refused - :econnrefused`:                           {How: Unreachable, Host: "db", Port: 5432},
		// command-line clients
		`nc: bad address 'cahce'`:                                                             {How: NameFailed, Host: "cahce"},
		`wget: bad address 'cahce:6379'`:                                                      {How: NameFailed, Host: "cahce", Port: 6379},
		`nc: cache (⟨svc shop/cache⟩:6379): Connection refused`:                               {How: Unreachable, Host: "cache", Port: 6379},
		`nc: connect to cache (10.96.0.5) port 6379 (tcp) failed: Connection refused`:         {How: Unreachable, Host: "cache", Port: 6379},
		`wget: can't connect to remote host (⟨svc shop/api⟩): Connection refused`:             {How: Unreachable, Object: "svc shop/api"},
		`curl: (6) Could not resolve host: cahce`:                                             {How: NameFailed, Host: "cahce"},
		`curl: (7) Failed to connect to api port 8080 after 3 ms: Couldn't connect to server`: {How: Unreachable, Host: "api", Port: 8080},
		`wget: unable to resolve host address ‘cahce’`:                                        {How: NameFailed, Host: "cahce"},
		`nslookup: can't resolve 'cahce'`:                                                     {How: NameFailed, Host: "cahce"},
		`** server can't find cahce.shop.svc.cluster.local: NXDOMAIN`:                         {How: NameUnknown, Host: "cahce.shop.svc.cluster.local"},
		`;; connection timed out; no servers could be reached`:                                {How: NameTimeout},
		`Could not connect to Redis at cache:6379: Connection refused`:                        {How: Unreachable, Host: "cache", Port: 6379},
		`db:5432 - no response`:                                                               {How: Unreachable, Host: "db", Port: 5432},
		`nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:5`: {How: NameFailed, Host: "api"},
		// by form alone
		`FATAL: could not connect to cache:6379: connection refused`:                                                 {How: Unreachable, Host: "cache", Port: 6379, Loose: true},
		`cannot reach database: connection refused`:                                                                  {How: Unreachable, Host: "database", Loose: true},
		`java.net.ConnectException: Connection refused`:                                                              {How: Unreachable},
		`socket.gaierror: [Errno -2] Name or service not known`:                                                      {How: NameUnknown},
		`dial tcp ⟨ip:0a1b2c⟩:5432: connect: connection refused`:                                                     {How: Unreachable, Port: 5432, Foreign: true},
		`panic: interface conversion: not a Connection`:                                                              {},
		`requests.exceptions.ReadTimeout: api:8080: Read timed out.`:                                                 {},
		`dial tcp 127.0.0.1:6379: connect: connection refused`:                                                       {},
		`Error: connect ECONNREFUSED ::1:6379 (localhost)`:                                                           {},
		`{"level":"error","msg":"startup failed","err":"dial tcp: lookup cahce on 10.96.0.10:53: no such host"}`:     {How: NameUnknown, Host: "cahce"},
		`{"level":"fatal","msg":"connection to server at \"db\" (10.96.0.5), port 5432 failed: Connection refused"}`: {How: Unreachable, Host: "db", Port: 5432},
		`level=error msg="cannot start" error="dial tcp ⟨svc shop/cache⟩:6379: connect: connection refused"`:         {How: Unreachable, Object: "svc shop/cache", Port: 6379},
		`ERROR invalid comment: "curl: (6) Could not resolve host: evil"`:                                            {},
		`rejected input 'nc: bad address cahce, connection refused'`:                                                 {},
		`listening on :8080`:                                      {},
		`loaded 12 records at 10:23:45`:                           {},
		strings.Repeat("a", maxCallLine) + ": connection refused": {},
	} {
		got, ok := ParseCall(line)
		if got != want || ok != (want.How != 0) {
			t.Errorf("%.120s\nwant %+v\nhave %+v %t", line, want, got, ok)
		}
	}
}

func FuzzCallLine(f *testing.F) {
	f.Add(`dial tcp: lookup cahce on 10.96.0.10:53: no such host`)
	f.Add(`connection to server at "db" (10.96.200.1), port 5432 failed: Connection refused`)
	f.Add(`Error 111 connecting to cache:6379. Connection refused.`)
	f.Add(`connect ECONNREFUSED ⟨svc shop/cache⟩:6379`)
	f.Add(`nc: bad address '⟨⟩:0'`)
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := ParseCall(line)
		if !ok {
			if c != (Call{}) {
				t.Errorf("%q: %+v of a line that is none", line, c)
			}
			return
		}
		lower := strings.ToLower(line)
		if c.How == 0 || !strings.Contains(lower, c.Host) || !strings.Contains(lower, strings.ToLower(c.Object)) || c.Port < 0 || c.Port > 65535 {
			t.Errorf("%q: invented %+v", line, c)
		}
		if c.Host != "" && !IsHost(c.Host) {
			t.Errorf("%q: %q is no host", line, c.Host)
		}
	})
}
