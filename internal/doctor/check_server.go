package doctor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// server looks at the API server's version and clock.
func (e *examination) server(ctx context.Context) []row {
	info, err := e.client.Discovery().ServerVersion()
	if err != nil {
		return []row{unclear("kubernetes version", err, ""), unclear("clock", err, "")}
	}
	rows := []row{versionRow(info.GitVersion)}
	began := time.Now()
	date, err := serverDate(ctx, e.Person)
	if err != nil {
		return append(rows, unclear("clock", err, ""))
	}
	return append(rows, clockRow(began, time.Now(), date))
}

func versionRow(text string) row {
	const name = "kubernetes version"
	old, ok := tooOld(text)
	switch {
	case !ok:
		return row{name: name, detail: fmt.Sprintf("%q is no version", text), remedy: "see what answers as the API server"}
	case old:
		return bad(name, text+" has no admission policies that bind ours: there are proposals, but no buttons", "bring the cluster to Kubernetes 1.33 or later")
	}
	return good(name, "%s", text)
}

// serverDate is the Date header of one answer.
func serverDate(ctx context.Context, conn *rest.Config) (time.Time, error) {
	client, err := rest.HTTPClientFor(conn)
	if err != nil {
		return time.Time{}, fmt.Errorf("connect to the API server: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(conn)
	if err != nil {
		return time.Time{}, fmt.Errorf("connect to the API server: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("version").String(), nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the API server's time: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the API server's time: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return time.Time{}, fmt.Errorf("ask the API server's time: %w", err)
	}
	date, err := http.ParseTime(strings.TrimSpace(resp.Header.Get("Date")))
	if err != nil {
		return time.Time{}, fmt.Errorf("read the Date of the API server's answer: %w", err)
	}
	return date, nil
}

// maxSkew is how far this machine's clock may be off. Orders go by the API
// server's; incidents, freezes and quotas by this one.
const maxSkew = 5 * time.Second

// clockRow compares a Date, which is cut to a second, with the span in which it
// was asked for.
func clockRow(before, after, date time.Time) row {
	var off time.Duration
	switch {
	case date.Add(time.Second).Before(before):
		off = before.Sub(date.Add(time.Second))
	case date.After(after):
		off = date.Sub(after)
	}
	if off > maxSkew {
		return bad("clock", fmt.Sprintf("this machine and the API server differ by %s or more", off.Round(100*time.Millisecond)),
			"set this machine's clock by NTP, and the API server's machine alike")
	}
	return good("clock", "within %s of the API server's", maxSkew)
}
