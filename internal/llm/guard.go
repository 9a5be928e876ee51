package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
)

// maxResponse bounds what is read of one response, in bytes.
const maxResponse = 1 << 20

// guard is the second pass over everything that leaves for a model. The first
// is the type: prompts are made of redact.Text.
type guard struct {
	next     http.RoundTripper
	redactor *redact.Redactor
}

// guardedClient makes the only client that backends may use. It follows no
// redirects: they would carry the case and the key somewhere else.
func guardedClient(next http.RoundTripper, r *redact.Redactor) *http.Client {
	if next == nil {
		next = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSHandshakeTimeout: 10 * time.Second,
			DisableKeepAlives:   true, // a few calls an hour: an idle connection is only something to leak
			ForceAttemptHTTP2:   true,
		}
	}
	return &http.Client{
		Transport:     &guard{next: next, redactor: r},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip sends a request whose body the redactor finds nothing in.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close() // it was read to its end
		if err != nil {
			return nil, fmt.Errorf("read the request: %w", err)
		}
	}
	if g.secretIn(body) {
		return nil, errSecret
	}
	sent := req.Clone(req.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	sent.GetBody = nil
	sent.ContentLength = int64(len(body))
	resp, err := g.next.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	resp.Body = &limited{body: resp.Body, left: maxResponse}
	return resp, nil
}

// secretIn looks at every string of a JSON body, as the model will read it; the
// body as it stands has escapes that hide things. What is not JSON is looked at
// whole.
func (g *guard) secretIn(body []byte) bool {
	if len(body) == 0 {
		return false
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return g.finds(string(body))
	}
	return g.findsIn(v)
}

func (g *guard) findsIn(v any) bool {
	switch v := v.(type) {
	case string:
		return g.finds(v)
	case []any:
		for _, item := range v {
			if g.findsIn(item) {
				return true
			}
		}
	case map[string]any:
		for key, item := range v {
			if g.finds(key) || g.findsIn(item) {
				return true
			}
		}
	}
	return false
}

// finds tells whether redacting hides more than what is hidden already. An
// address that becomes an object's name, and signs that are cleaned away, are no
// secrets.
func (g *guard) finds(s string) bool {
	after := g.redactor.Redact(s).String()
	return after != s && hidden(after) > hidden(s)
}

// hidden counts the placeholders of hidden text.
func hidden(s string) int {
	n := 0
	for {
		_, rest, ok := strings.Cut(s, "⟨")
		if !ok {
			return n
		}
		body, _, _ := strings.Cut(rest, "⟩")
		if strings.HasPrefix(body, "withheld:") || !strings.Contains(body, " ") {
			n++
		}
		s = rest
	}
}

// limited fails once more than left bytes come.
type limited struct {
	body io.ReadCloser
	left int64
}

// Read reads on, as far as is allowed.
func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.body.Read(p)
	l.left -= int64(n)
	return n, err
}

// Close ends the response.
func (l *limited) Close() error { return l.body.Close() }
