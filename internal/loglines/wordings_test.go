package loglines

import (
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
)

// textLines are the lines of a log.
func textLines(t *testing.T, log string) []redact.Text {
	t.Helper()
	return redact.New(redact.Config{Key: []byte("wordings")}).Lines([]byte(log), 0)
}

func TestWhatEndsAProgramIsReadThroughItsWrappings(t *testing.T) {
	for name, c := range map[string]struct {
		log  string
		want Trouble
	}{
		"PostgreSQL goes on about its end": {`2026-11-20 04:11:09.811 UTC [29] FATAL:  could not write to file "pg_wal/xlogtemp.29": No space left on device
2026-11-20 04:11:09.815 UTC [1] LOG:  startup process (PID 29) exited with exit code 1
2026-11-20 04:11:09.815 UTC [1] LOG:  aborting startup due to startup process failure
2026-11-20 04:11:09.817 UTC [1] LOG:  database system is shut down`, DiskFull},
		"Django hands on a tuple": {`Traceback (most recent call last):
django.db.utils.OperationalError: (1045, "Access denied for user 'desk'@'db' (using password: YES)")`, Credentials},
		"PyMySQL does so in its own marks":    {`pymysql.err.OperationalError: (1213, 'Deadlock found when trying to get lock; try restarting transaction')`, Deadlock},
		"gRPC hands on the transport's words": {`time=2026-11-20T10:01:07Z level=ERROR msg="list ratings" target=ratings:8443 error="rpc error: code = Unavailable desc = connection error: desc = \"transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid\""`, Certificate},
		"a phrase of somebody else":           {`ERROR refused the request "x509: certificate has expired or is not yet valid"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if d, _ := LastReason(textLines(t, c.log), false); d.Trouble != c.want {
				t.Errorf("want %q, have %q", c.want, d.Trouble)
			}
		})
	}
}

func TestATraceIsTheLastWordOfItsError(t *testing.T) {
	log := `KubernetesClientException: Message: endpoints is forbidden: User "system:serviceaccount:shop:default" cannot list resource "endpoints" in API group "" in the namespace "shop".
	at io.fabric8.kubernetes.client.KubernetesClientException.copyAsCause(KubernetesClientException.java:238)`
	for text, want := range map[string]bool{log: true, log + "\nINFO cluster of one member": false} {
		lines := textLines(t, text)
		d, ok := LastReason(lines, true)
		if !ok || d.Trouble != Permission || Insists(lines, d) != want {
			t.Errorf("want %t: %v %v", want, ok, d)
		}
	}
}

func TestAdviceAboutAServerIsNoWorkOfOnesOwn(t *testing.T) {
	const advice = "Please make sure your database server is running at `maindb:3306`."
	if Listens(advice) != 0 || Listens("Server is running on port 3306") != 3306 {
		t.Error("what a client advises is no server")
	}
	calls := FailedCalls(textLines(t, "Error: P1001: Can't reach database server at `maindb:3306`\n"+advice), 1)
	if len(calls) != 1 || calls[0].Host != "maindb" {
		t.Errorf("%v", calls)
	}
}

func TestAVariableIsReadInAnEscapedMessage(t *testing.T) {
	line := `{"level":"ERROR","msg":"configuration","error":"env: required environment variable \"OPENSEARCH_URL\" is not set"}`
	if name, ok := Unset(line); !ok || name != "OPENSEARCH_URL" {
		t.Errorf("%q %v", name, ok)
	}
}

func TestAnExpiredCertificateIsThatOfWhomTheCallWentTo(t *testing.T) {
	for line, want := range map[string]string{
		`time=2026-11-20T10:01:07.021Z level=ERROR target=ratings:8443 error="x509: certificate has expired or is not yet valid"`: "ratings",
		`Get "https://rates:8443/v1": tls: failed to verify certificate: x509: certificate has expired`:                           "rates",
		`Get "https://rates:8443/v1": x509: certificate signed by unknown authority`:                                              "",
		`x509: certificate has expired`:                                             "",
		strings.Repeat("x", maxCallLine) + " https://rates certificate has expired": "",
	} {
		if c, _ := ExpiredAt(line); c.Host != want {
			t.Errorf("%.80s: want %q, have %q", line, want, c.Host)
		}
	}
}
