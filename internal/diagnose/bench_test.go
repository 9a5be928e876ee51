package diagnose

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// BenchmarkOneIncident is a look at one crashing workload whose log is as long
// as the collector reads it: plain lines, and the cause at the end.
func BenchmarkOneIncident(b *testing.B) {
	r := redact.New(redact.Config{Key: []byte("fixture")})
	for _, name := range []string{"crash-without-words", "app-error-java", "env-var-missing"} {
		b.Run(name, func(b *testing.B) {
			var c capture
			readYAML(b, filepath.Join("testdata", name, "captured.yaml"), &c)
			s, err := c.snapshot()
			if err != nil {
				b.Fatal(err)
			}
			var plain []redact.Text
			for n := range 180 {
				plain = append(plain, r.Redact(fmt.Sprintf("2026-11-20T12:00:%02dZ INFO  [http-nio-%d] c.e.shop.CartController: GET /cart/%d served 200 in %d ms for customer group retail", n%60, n%8, n*37, n%90)))
			}
			for i := range s.Logs {
				s.Logs[i].Lines = append(append([]redact.Text{}, plain...), s.Logs[i].Lines...)
			}
			kind, subject := split(readWant(b, filepath.Join("testdata", name)).Subject)
			ref := kube.Key(kind, namespaceOf(s), subject)
			b.ReportAllocs()
			for b.Loop() {
				Diagnose(s, ref, Options{Now: s.Taken})
			}
		})
	}
}
