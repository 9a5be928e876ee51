package geministub

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genai"
)

func TestASlowFirstByteHoldsBackTheHeaders(t *testing.T) {
	s := startServer(t, Config{})
	s.Next(Text("at last").After(60 * time.Millisecond))
	begin := time.Now()
	resp, err := ask(t, s, "hi", nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); resp.Text() != "at last" || d < 60*time.Millisecond {
		t.Errorf("%q after %v", resp.Text(), d)
	}
	if c := s.Calls()[0]; c.ServerTime < 60*time.Millisecond || !c.Done || c.Gone {
		t.Errorf("recorded %v, done %v, gone %v", c.ServerTime, c.Done, c.Gone)
	}
}

func TestAClientThatGivesUpIsRecordedAsGone(t *testing.T) {
	s := startServer(t, Config{})
	s.Next(Text("never").After(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	c := client(t, s, s.APIKey())
	go func() {
		_, err := c.Models.GenerateContent(ctx, "gemini-3.8-flash", genai.Text("hi"), nil)
		done <- err
	}()
	if _, err := s.WaitCalls(deadline(t), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("client got %v", err)
	}
	for end := deadline(t); !s.Calls()[0].Done; time.Sleep(time.Millisecond) {
		if err := end.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if !s.Calls()[0].Gone {
		t.Error("not recorded as gone")
	}
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAResetTearsTheBodyAfterTheHeaders(t *testing.T) {
	for _, n := range []int{0, 20, 1 << 20} {
		s := startServer(t, Config{})
		s.Next(Answer(imageTag).ResetAfter(n))
		resp, err := ask(t, s, "hi", withSchema())
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after %d bytes: %v, %v", n, resp, err)
		}
		if err != nil && strings.Contains(err.Error(), "error sending request") {
			t.Errorf("after %d bytes: the reset came before the headers: %v", n, err)
		}
		wantNoProblems(t, s)
	}
}

func TestAHangingBodyEndsWithTheClientsTimeout(t *testing.T) {
	s := startServer(t, Config{})
	s.Next(Answer(imageTag).HangAfter(20))
	cfg := withSchema()
	cfg.HTTPOptions = &genai.HTTPOptions{Timeout: genai.Ptr(80 * time.Millisecond)}
	if _, err := ask(t, s, "hi", cfg); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("client got %v", err)
	}
	if got := s.Calls()[0].Header.Get("X-Server-Timeout"); got != "1" {
		t.Errorf("x-server-timeout is %q", got)
	}
}

func TestCloseFreesClientsAndReturnsWhenNothingRuns(t *testing.T) {
	s, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.On(Any(), Text("never").After(time.Hour), Text("never").HangAfter(3))
	done := make(chan error, 2)
	c := client(t, s, s.APIKey())
	for range 2 {
		go func() {
			_, err := c.Models.GenerateContent(t.Context(), "gemini-3.8-flash", genai.Text("hi"), nil)
			done <- err
		}()
	}
	if _, err := s.WaitCalls(deadline(t), 2); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-done; err == nil {
			t.Error("a client got an answer from a closed server")
		}
	}
	for _, c := range s.Calls() {
		if !c.Done || !c.Gone {
			t.Errorf("call %d was still running when Close returned", c.Number)
		}
	}
}

func TestOnlyTheLoopbackAddressIsServed(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "localhost:0", "[::1]:0", "10.0.0.1:80", "127.0.0.1", "127.0.0.1:99999"} {
		if s, err := Start(Config{Addr: addr}); err == nil {
			s.Close()
			t.Errorf("%q was served", addr)
		}
	}
}

func TestAStreamHasTheSameTextInEvents(t *testing.T) {
	s := startServer(t, Config{})
	s.On(Any(), Answer(imageTag).Events(4).Thought("hm"), Cut(imageTag, 9).Events(2), Blocked("SAFETY"), Overloaded(), Answer(imageTag).ResetAfter(200))
	c := client(t, s, s.APIKey())
	stream := func() (text string, events []*genai.GenerateContentResponse, failed error) {
		for event, err := range c.Models.GenerateContentStream(t.Context(), "gemini-3.8-flash", genai.Text("hi"), withSchema()) {
			if err != nil {
				return text, events, err
			}
			text, events = text+event.Text(), append(events, event)
		}
		return text, events, nil
	}
	text, events, err := stream()
	if err != nil || text != jsonOf(t, imageTag) || len(events) != 4 {
		t.Fatalf("%d events: %q, %v", len(events), text, err)
	}
	if first, last := events[0], events[3]; first.Candidates[0].FinishReason != "" || last.Candidates[0].FinishReason != "STOP" ||
		first.UsageMetadata.TotalTokenCount >= last.UsageMetadata.TotalTokenCount || !first.Candidates[0].Content.Parts[0].Thought {
		t.Errorf("first %s, last %s", jsonOf(t, first), jsonOf(t, last))
	}
	if text, events, err = stream(); err != nil || text != jsonOf(t, imageTag)[:9] || events[1].Candidates[0].FinishReason != "MAX_TOKENS" {
		t.Errorf("cut: %q, %v", text, err)
	}
	if _, events, err = stream(); err != nil || len(events) != 1 || events[0].PromptFeedback.BlockReason != "SAFETY" {
		t.Errorf("blocked: %v, %v", events, err)
	}
	_, _, err = stream()
	wantAPIError(t, err, 503, "UNAVAILABLE")
	if _, _, err = stream(); err == nil {
		t.Error("a torn stream ended without an error")
	}
	if !s.Calls()[0].Request.Stream {
		t.Error("not recorded as a stream")
	}
	wantNoProblems(t, s)
}

func TestCloseWaitsForAnAnswerThatIsBeingMade(t *testing.T) {
	s, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	release, closed, asked := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.Next(AnswerFunc(func(Request) (any, error) { close(asked); <-release; return imageTag, nil }))
	c := client(t, s, s.APIKey())
	answered := make(chan error, 1)
	go func() {
		_, err := c.Models.GenerateContent(t.Context(), "gemini-3.8-flash", genai.Text("hi"), nil)
		answered <- err
	}()
	<-asked
	go func() {
		defer close(closed)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-closed:
		t.Error("Close returned while a handler was running")
	case <-time.After(30 * time.Millisecond):
	}
	close(release)
	<-closed
	if err := <-answered; err == nil {
		t.Error("the client got an answer from a closed server")
	}
}
