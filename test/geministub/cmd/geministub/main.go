// Command geministub serves the stand-in for the Gemini API on 127.0.0.1, with the answers of a script file, and prints each call.
// It is for a person who tries Countersign without Google: point AI_BASE_URL at the address it prints.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/countersign-dev/countersign/test/geministub"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "geministub:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("geministub", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8089", "`address` to listen on, on 127.0.0.1")
	file := flags.String("script", "", "script `file` in YAML; without one every call is answered with 501")
	key := flags.String("api-key", "geministub", "the only API `key` that is accepted")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var script geministub.Script
	if *file != "" {
		text, err := os.ReadFile(*file)
		if err != nil {
			return fmt.Errorf("read the script: %w", err)
		}
		if script, err = geministub.ParseScript(text); err != nil {
			return fmt.Errorf("%s: %w", *file, err)
		}
	}
	server, err := geministub.Start(geministub.Config{Addr: *addr, APIKey: *key})
	if err != nil {
		return err
	}
	defer server.Close()
	server.Play(script)
	fmt.Fprintf(out, "AI_BASE_URL=%s AI_API_KEY=%s\n", server.URL(), server.APIKey())
	follow(ctx, server, out)
	return nil
}

// follow prints calls in order of arrival, once they have been answered, and problems as they come up, until the context ends.
func follow(ctx context.Context, server *geministub.Server, out io.Writer) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	calls, problems := 0, 0
	for running := true; running; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			running = false
		}
		for _, c := range server.Calls()[calls:] {
			if !c.Done {
				break
			}
			calls++
			fmt.Fprintf(out, "%s call %d  %s  prompt %.12s  %s  %d  %v\n", c.Received.Format(time.TimeOnly), c.Number, c.Request.Model,
				c.Request.PromptHash(), c.Reply, c.Status, c.ServerTime.Round(time.Millisecond))
		}
		found := server.Problems()
		for _, p := range found[problems:] {
			fmt.Fprintln(out, "problem:", p)
		}
		problems = len(found)
	}
}
