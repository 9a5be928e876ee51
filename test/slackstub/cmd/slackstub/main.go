// Command slackstub runs the Slack stand-in with its page for a person or for
// tests in another language. It prints one line of JSON with the addresses and
// the synthetic tokens, and runs until it is told to stop. It is no part of an
// installation.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/slackstub/page"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "slackstub:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:0", "loopback `address` to listen on")
	seed := flag.Int64("seed", 1, "decides identifiers and which connection gets an envelope")
	scopes := flag.String("scopes", "", "the bot token's scopes, comma-separated (default: what the manifest asks for)")
	commands := flag.String("commands", "/countersign", "registered slash commands, comma-separated")
	unlimited := flag.Bool("unlimited", false, "switch the rate-limit buckets off")
	strict := flag.Bool("strict", false, "exit with 1 where the stand-in recorded problems")
	flag.Parse()

	cfg := slackstub.Config{Addr: *addr, Seed: *seed, Commands: strings.Split(*commands, ","), Limits: slackstub.Limits{Off: *unlimited}}
	if *scopes != "" {
		cfg.Scopes = strings.Split(*scopes, ",")
	}
	s, err := slackstub.New(cfg)
	if err != nil {
		return err
	}
	h, err := page.New(s)
	if err != nil {
		return err
	}
	s.SetPage(h)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = json.NewEncoder(os.Stdout).Encode(map[string]string{"page": s.Origin() + "/", "api": s.URL(),
		"bot_token": s.BotToken(), "app_token": s.AppToken()})
	if err != nil {
		return err
	}
	<-ctx.Done()
	if err := s.Close(); err != nil && *strict {
		return err
	}
	return nil
}
