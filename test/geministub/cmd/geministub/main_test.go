package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestThePersonSeesTheAddressTheCallsAndTheProblems(t *testing.T) {
	file := filepath.Join(t.TempDir(), "script.yaml")
	if err := os.WriteFile(file, []byte("next: [{kind: text, text: hello}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0", "-script", file, "-api-key", "k"}, in)
		in.Close()
		ended <- err
	}()
	lines := &lineReader{t: t, r: out}
	env := strings.Fields(lines.next())
	base := strings.TrimPrefix(env[0], "AI_BASE_URL=")
	for range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1beta/models/gemini-3.8-flash:generateContent",
			strings.NewReader(`{"contents":[{"parts":[{"text":"hi"}]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Goog-Api-Key", strings.TrimPrefix(env[1], "AI_API_KEY="))
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	var seen string
	for !strings.Contains(seen, "problem:") {
		seen += lines.next()
	}
	for _, want := range []string{"call 1  gemini-3.8-flash  prompt ", "text  200", "refused  501", "no reply is scripted"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is missing in %q", want, seen)
		}
	}
	stop()
	go io.Copy(io.Discard, out) //nolint:errcheck // what is printed while it ends is of no interest
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// lineReader reads lines without reading ahead.
type lineReader struct {
	t *testing.T
	r io.Reader
}

func (l *lineReader) next() string {
	l.t.Helper()
	var line strings.Builder
	for b := make([]byte, 1); b[0] != '\n'; {
		if _, err := l.r.Read(b); err != nil {
			l.t.Fatal(err)
		}
		line.WriteByte(b[0])
	}
	return line.String()
}

func TestMistakesAreNamed(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("next: [{kind: nonsense}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-script", bad}, `bad.yaml: next[0]: kind "nonsense"`},
		{[]string{"-script", bad + ".gone"}, "read the script"},
		{[]string{"-addr", "0.0.0.0:1"}, "127.0.0.1:PORT only"},
	} {
		if err := run(t.Context(), tc.args, io.Discard); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %q", tc.args, err, tc.want)
		}
	}
}
