package bench_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// kubelet answers for every node when the API server asks for a log.
type kubelet struct {
	host   string
	port   int32
	logs   atomic.Int64 // how often one was asked for
	server *httptest.Server
}

func newKubelet(host string) (*kubelet, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("listen as the kubelets: %w", err)
	}
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("listen as the kubelets: %s is no TCP address", l.Addr())
	}
	k := &kubelet{host: host, port: int32(at.Port)}
	k.server = httptest.NewUnstartedServer(http.HandlerFunc(k.serve))
	if err := k.server.Listener.Close(); err != nil {
		return nil, fmt.Errorf("listen as the kubelets: %w", err)
	}
	k.server.Listener = l
	k.server.StartTLS()
	return k, nil
}

func (k *kubelet) close() {
	k.server.CloseClientConnections()
	k.server.Close()
}

// serve writes a log as long as a look reads, whose last line says why.
func (k *kubelet) serve(w http.ResponseWriter, _ *http.Request) {
	k.logs.Add(1)
	for n := range 199 {
		fmt.Fprintf(w, "2026-11-20T12:%02d:%02dZ INFO  [worker-%d] GET /cart/%d served 200 in %d ms for group retail\n", n/60, n%60, n%8, n*37, n%90)
	}
	fmt.Fprintln(w, "2026-11-20T12:04:00Z FATAL SHOP_DATABASE_URL is not set")
}
