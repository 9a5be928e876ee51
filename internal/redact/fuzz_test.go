package redact

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzRedact: no panic, settled after one call, bounded growth, every bracket
// part of a well-formed placeholder.
func FuzzRedact(f *testing.F) {
	for _, row := range hideRows() {
		f.Add(row.text)
	}
	for _, text := range surviveRows() {
		f.Add(text)
	}
	r := testRedactor()
	f.Fuzz(func(t *testing.T, in string) {
		once := r.Redact(in)
		out := once.String()
		if again := r.Redact(out); again != once {
			t.Fatalf("not settled:\n in    %q\n once  %q\n again %q", in, out, again)
		}
		if decoded := settle(out); decoded != once {
			t.Fatalf("decoding changes:\n once    %q\n decoded %q", out, decoded)
		}
		if len(out) > 64*len(in)+64 {
			t.Fatalf("%d bytes grew to %d", len(in), len(out))
		}
		if strings.Contains(out, withheldError) && !strings.Contains(in, withheldError) {
			t.Fatalf("internal error for %q", in)
		}
		if !utf8.ValidString(out) {
			t.Fatalf("invalid UTF-8: %q", out)
		}
		if rest := wellFormed.ReplaceAllString(out, ""); strings.ContainsAny(rest, "⟨⟩\x1b\x00") {
			t.Fatalf("malformed: %q", out)
		}
	})
}

func BenchmarkClean64KiB(b *testing.B) { benchmarkUnit(b, cleanUnit(64<<10)) }

func BenchmarkOneSecretPerKiB(b *testing.B) {
	var text strings.Builder
	clean := cleanUnit(1 << 10)
	for i := range 64 {
		text.WriteString(clean)
		fmt.Fprintf(&text, "level=info msg=connected DB_PASSWORD=%s%d\n", "hun"+"ter", i)
	}
	benchmarkUnit(b, text.String())
}

func BenchmarkName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Name("web-6d4cf56db6-x2x4v")
	}
}

func BenchmarkBuildPatterns(b *testing.B) {
	for b.Loop() {
		newEngine(nil)
	}
}

func benchmarkUnit(b *testing.B, text string) {
	r := testRedactor()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		r.Redact(text)
	}
}

// cleanUnit is n bytes of lines as containers write them.
func cleanUnit(n int) string {
	lines := []string{
		`2026-11-20T13:42:03.123456789Z stdout F {"level":"info","ts":"2026-11-20T13:42:03.123Z","caller":"server/http.go:142","msg":"request done","method":"GET","path":"/api/v1/orders/12345","status":200,"duration_ms":12.5}`,
		`I1120 13:42:03.123456       1 controller.go:123] "Finished syncing" kind="Deployment" object="shop/web" duration="12.345ms"`,
		`2026-11-20 13:42:03.123  INFO 1 --- [nio-8080-exec-1] o.s.web.servlet.DispatcherServlet : Completed initialization in 12 ms`,
		`127.0.0.1 - - [20/Nov/2026:13:42:03 +0000] "GET /healthz HTTP/1.1" 200 2 "-" "kube-probe/1.36"`,
		`	at com.example.shop.OrderController.create(OrderController.java:77)`,
	}
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(lines[i%len(lines)] + "\n")
	}
	return b.String()
}
