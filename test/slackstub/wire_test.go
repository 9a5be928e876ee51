package slackstub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// post calls a method with a JSON body, as no client library would shape it.
func post(t *testing.T, s *slackstub.Server, method string, body any) map[string]any {
	t.Helper()
	b := must[[]byte](t)(json.Marshal(body))
	req := must[*http.Request](t)(http.NewRequest(http.MethodPost, s.URL()+method, bytes.NewReader(b)))
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+s.BotToken())
	return do(t, req)
}

func do(t *testing.T, req *http.Request) map[string]any {
	t.Helper()
	res := must[*http.Response](t)(http.DefaultClient.Do(req))
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	out["_status"] = float64(res.StatusCode)
	return out
}

// rawLink opens a Socket Mode link with a bare WebSocket client and returns
// its text frames; the channel is closed with the link.
func rawLink(t *testing.T, s *slackstub.Server) <-chan string {
	t.Helper()
	req := must[*http.Request](t)(http.NewRequest(http.MethodPost, s.URL()+"apps.connections.open", nil))
	req.Header.Set("Authorization", "Bearer "+s.AppToken())
	c, _, err := websocket.Dial(soon(t), do(t, req)["url"].(string), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(1 << 20)
	out := make(chan string, 100)
	t.Cleanup(func() { c.CloseNow() })
	go func() {
		defer close(out)
		for {
			_, b, err := c.Read(context.Background())
			if err != nil {
				return
			}
			out <- string(b)
		}
	}()
	return out
}

// patience bounds every wait: long, because test machines are busy.
const patience = 20 * time.Second

// take receives one value, or fails.
func take[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		return *new(T)
	}
}

// waitFor polls until cond holds.
func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatal("did not come true")
}
