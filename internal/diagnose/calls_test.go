package diagnose

import (
	"strings"
	"testing"
)

func TestClientsNameThePeerTheyCannotReach(t *testing.T) {
	for line, want := range map[string]call{
		// Go
		`dial tcp: lookup cahce on 10.96.0.10:53: no such host`:                                                                                                       {how: nameUnknown, host: "cahce"},
		`dial tcp: lookup cahce: no such host`:                                                                                                                        {how: nameUnknown, host: "cahce"},
		`dial tcp: lookup ⟨svc shop/cahce⟩ on ⟨svc kube-system/kube-dns⟩:53: no such host`:                                                                            {how: nameUnknown, object: "svc shop/cahce"},
		`dial tcp: lookup cache on ⟨ip:0a1b2c⟩:53: read udp ⟨ip:aabbcc⟩:41200->⟨ip:0a1b2c⟩:53: i/o timeout`:                                                           {how: nameTimeout, host: "cache"},
		`dial tcp: lookup cache.shop.svc.cluster.local on 10.96.0.10:53: server misbehaving`:                                                                          {how: nameFailed, host: "cache.shop.svc.cluster.local"},
		`dial tcp: lookup cache on 10.96.0.10:53: dial udp 10.96.0.10:53: connect: network is unreachable`:                                                            {how: nameFailed, host: "cache"},
		`dial tcp ⟨svc shop/cache⟩:6379: connect: connection refused`:                                                                                                 {how: unreachable, object: "svc shop/cache", port: 6379},
		`2026/11/20 10:00:00 Get "http://api.shop:8080/v1": dial tcp ⟨svc shop/api⟩:8080: i/o timeout`:                                                                {how: timedOut, object: "svc shop/api", port: 8080},
		`Get "http://api:8080/v1": dial tcp ⟨ip:0a1b2c⟩:8080: connect: no route to host`:                                                                              {how: unreachable, host: "api", port: 8080},
		`rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp ⟨svc shop/grpc⟩:50051: connect: connection refused"`: {how: unreachable, object: "svc shop/grpc", port: 50051},
		// Python
		`psycopg2.OperationalError: could not translate host name "postgres" to address: Name or service not known`:            {how: nameUnknown, host: "postgres"},
		`psycopg2.OperationalError: could not translate host name "postgres" to address: Temporary failure in name resolution`: {how: nameFailed, host: "postgres"},
		`psycopg2.OperationalError: connection to server at "db" (10.96.200.1), port 5432 failed: Connection refused`:          {how: unreachable, host: "db", port: 5432},
		`psycopg2.OperationalError: connection to server at "db" (10.96.200.1), port 5432 failed: timeout expired`:             {how: timedOut, host: "db", port: 5432},
		`redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.`:                            {how: unreachable, host: "cache", port: 6379},
		`redis.exceptions.ConnectionError: Error -2 connecting to cahce:6379. Name or service not known.`:                      {how: nameUnknown, host: "cahce", port: 6379},
		`redis.exceptions.ConnectionError: Error -3 connecting to cache:6379. Temporary failure in name resolution.`:           {how: nameFailed, host: "cache", port: 6379},
		`requests.exceptions.ConnectionError: HTTPConnectionPool(host='api', port=8080): Max retries exceeded with url: / (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))`: {how: unreachable, host: "api", port: 8080},
		`urllib3.exceptions.MaxRetryError: HTTPConnectionPool(host='apii', port=80): Max retries exceeded with url: / (Caused by NameResolutionError("<urllib3.connection.HTTPConnection object at 0x7f>: Failed to resolve 'apii' ([Errno -2] Name or service not known)"))`:         {how: nameUnknown, host: "apii", port: 80},
		`aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host api:8080 ssl:default [Connect call failed ('10.96.0.5', 8080)]`:                                                                                                                                       {how: unreachable, host: "api", port: 8080},
		`pymongo.errors.ServerSelectionTimeoutError: mongo:27017: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 20000.0ms)`:                                                                                                                                   {how: unreachable, host: "mongo", port: 27017},
		`[ERROR/MainProcess] consumer: Cannot connect to amqp://guest:**@rabbit:5672//: [Errno 111] Connection refused.`:                                                                                                                                                              {how: unreachable, host: "rabbit", port: 5672},
		// MySQL
		`pymysql.err.OperationalError: (2003, "Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)")`: {how: unreachable, host: "db"},
		`ERROR 2003 (HY000): Can't connect to MySQL server on 'db:3306' (111)`:                                           {how: unreachable, host: "db", port: 3306},
		`ERROR 2002 (HY000): Can't connect to server on 'db' (115)`:                                                      {how: unreachable, host: "db"},
		`ERROR 2005 (HY000): Unknown MySQL server host 'bd' (-2)`:                                                        {how: nameFailed, host: "bd"},
		// Java, .NET
		`Caused by: java.net.UnknownHostException: cahce: Name or service not known`:                                                                                     {how: nameUnknown, host: "cahce"},
		`Caused by: java.net.UnknownHostException: cahce`:                                                                                                                {how: nameFailed, host: "cahce"},
		`org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct`:                                                 {how: unreachable, host: "db", port: 5432},
		`io.netty.channel.AbstractChannel$AnnotatedConnectException: Connection refused: cache/⟨svc shop/cache⟩:6379`:                                                    {how: unreachable, object: "svc shop/cache", port: 6379},
		`io.netty.channel.ConnectTimeoutException: connection timed out after 10000 ms: cache/10.96.0.5:6379`:                                                            {how: timedOut, host: "cache", port: 6379},
		`org.apache.http.conn.HttpHostConnectException: Connect to api:8080 [api/10.96.0.5] failed: Connection refused (Connection refused)`:                             {how: unreachable, host: "api", port: 8080},
		`[Producer clientId=producer-1] Connection to node -1 (kafka/⟨svc shop/kafka⟩:9092) could not be established. Node may not be available.`:                        {how: unreachable, object: "svc shop/kafka", port: 9092},
		`WARN Couldn't resolve server kafak:9092 from bootstrap.servers as DNS resolution failed for kafak`:                                                              {how: nameFailed, host: "kafak", port: 9092},
		`%3|1700000000.123|FAIL|rdkafka#producer-1| [thrd:kafka:9092/bootstrap]: kafka:9092/bootstrap: Connect to ipv4#⟨svc shop/kafka⟩:9092 failed: Connection refused`: {how: unreachable, object: "svc shop/kafka", port: 9092},
		`System.Net.Http.HttpRequestException: Connection refused (api:8080)`:                                                                                            {how: unreachable, host: "api", port: 8080},
		// Node.js
		`Error: connect ECONNREFUSED ⟨svc shop/cache⟩:6379`:         {how: unreachable, object: "svc shop/cache", port: 6379},
		`Error: getaddrinfo ENOTFOUND cahce`:                        {how: nameUnknown, host: "cahce"},
		`MongoServerSelectionError: getaddrinfo EAI_AGAIN mongo`:    {how: nameFailed, host: "mongo"},
		`    errno: -111, code: 'ECONNREFUSED', syscall: 'connect'`: {how: unreachable},
		// Ruby, PHP, Elixir
		`Failed to open TCP connection to api:8080 (Connection refused - connect(2) for "api" port 8080) (Errno::ECONNREFUSED)`: {how: unreachable, host: "api", port: 8080},
		`Redis::CannotConnectError: Error connecting to Redis on cache:6379 (Errno::ECONNREFUSED)`:                              {how: unreachable, host: "cache", port: 6379},
		`SocketError: Failed to open TCP connection to apii:80 (getaddrinfo: Name or service not known)`:                        {how: nameUnknown, host: "apii", port: 80},
		`PHP Warning:  php_network_getaddresses: getaddrinfo for cahce failed: Name or service not known`:                       {how: nameUnknown, host: "cahce"},
		`** (DBConnection.ConnectionError) tcp connect (db:5432): connection refused - :econnrefused`:                           {how: unreachable, host: "db", port: 5432},
		// command-line clients
		`nc: bad address 'cahce'`:                                                             {how: nameFailed, host: "cahce"},
		`wget: bad address 'cahce:6379'`:                                                      {how: nameFailed, host: "cahce", port: 6379},
		`nc: cache (⟨svc shop/cache⟩:6379): Connection refused`:                               {how: unreachable, host: "cache", port: 6379},
		`nc: connect to cache (10.96.0.5) port 6379 (tcp) failed: Connection refused`:         {how: unreachable, host: "cache", port: 6379},
		`wget: can't connect to remote host (⟨svc shop/api⟩): Connection refused`:             {how: unreachable, object: "svc shop/api"},
		`curl: (6) Could not resolve host: cahce`:                                             {how: nameFailed, host: "cahce"},
		`curl: (7) Failed to connect to api port 8080 after 3 ms: Couldn't connect to server`: {how: unreachable, host: "api", port: 8080},
		`wget: unable to resolve host address ‘cahce’`:                                        {how: nameFailed, host: "cahce"},
		`nslookup: can't resolve 'cahce'`:                                                     {how: nameFailed, host: "cahce"},
		`** server can't find cahce.shop.svc.cluster.local: NXDOMAIN`:                         {how: nameUnknown, host: "cahce.shop.svc.cluster.local"},
		`;; connection timed out; no servers could be reached`:                                {how: nameTimeout},
		`Could not connect to Redis at cache:6379: Connection refused`:                        {how: unreachable, host: "cache", port: 6379},
		`db:5432 - no response`:                                                               {how: unreachable, host: "db", port: 5432},
		`nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:5`: {how: nameFailed, host: "api"},
		// by form alone
		`FATAL: could not connect to cache:6379: connection refused`:                                                 {how: unreachable, host: "cache", port: 6379, loose: true},
		`cannot reach database: connection refused`:                                                                  {how: unreachable, host: "database", loose: true},
		`java.net.ConnectException: Connection refused`:                                                              {how: unreachable},
		`socket.gaierror: [Errno -2] Name or service not known`:                                                      {how: nameUnknown},
		`dial tcp ⟨ip:0a1b2c⟩:5432: connect: connection refused`:                                                     {how: unreachable, port: 5432},
		`panic: interface conversion: not a Connection`:                                                              {},
		`requests.exceptions.ReadTimeout: api:8080: Read timed out.`:                                                 {},
		`dial tcp 127.0.0.1:6379: connect: connection refused`:                                                       {},
		`Error: connect ECONNREFUSED ::1:6379 (localhost)`:                                                           {},
		`{"level":"error","msg":"startup failed","err":"dial tcp: lookup cahce on 10.96.0.10:53: no such host"}`:     {how: nameUnknown, host: "cahce"},
		`{"level":"fatal","msg":"connection to server at \"db\" (10.96.0.5), port 5432 failed: Connection refused"}`: {how: unreachable, host: "db", port: 5432},
		`level=error msg="cannot start" error="dial tcp ⟨svc shop/cache⟩:6379: connect: connection refused"`:         {how: unreachable, object: "svc shop/cache", port: 6379},
		`ERROR invalid comment: "curl: (6) Could not resolve host: evil"`:                                            {},
		`rejected input 'nc: bad address cahce, connection refused'`:                                                 {},
		`listening on :8080`:                                      {},
		`loaded 12 records at 10:23:45`:                           {},
		strings.Repeat("a", maxCallLine) + ": connection refused": {},
	} {
		got, ok := parseCall(line)
		if got != want || ok != (want.how != 0) {
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
		c, ok := parseCall(line)
		if !ok {
			if c != (call{}) {
				t.Errorf("%q: %+v of a line that is none", line, c)
			}
			return
		}
		lower := strings.ToLower(line)
		if c.how == 0 || !strings.Contains(lower, c.host) || !strings.Contains(lower, c.object) || c.port < 0 || c.port > 65535 {
			t.Errorf("%q: invented %+v", line, c)
		}
		if c.host != "" && !isHost(c.host) {
			t.Errorf("%q: %q is no host", line, c.host)
		}
	})
}
