// Command executor is what the ephemeral Job runs: it carries out the one Order
// in COUNTERSIGN_ORDER against the cluster it runs in and writes what became of
// it to the termination log and to standard output. The gate's admission policy
// pins its arguments; it reads no other environment, file or flag.
package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/remediate"
)

// patience is shorter than the Job's deadline of 90 s, so that the executor
// itself says that time ran out.
const patience = 60 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := execute(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "executor:", err)
		os.Exit(2)
	}
}

// execute returns nil once a Result is written, whatever it says.
func execute(ctx context.Context, args []string, out io.Writer) error {
	cfg := remediate.Config{Keys: action.Keys{}, Redactor: redact.New(redact.Config{})}
	flags := flag.NewFlagSet("executor", flag.ContinueOnError)
	flags.Func("order-key", "trusted key of orders, `ID:BASE64`; may be repeated", func(s string) error { return addKey(cfg.Keys, s) })
	flags.Func("protected-namespaces", "namespaces, by comma, in which nothing is changed", func(s string) error {
		cfg.Protected = append(cfg.Protected, strings.Split(s, ",")...)
		return nil
	})
	flags.StringVar(&cfg.Control, "control-namespace", "", "`namespace` of the kill switch and the allowed signers; required")
	message := flags.String("termination-log", "/dev/termination-log", "file that takes the result")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if cfg.Control == "" {
		return errors.New("--control-namespace is required")
	}
	connect(&cfg)
	raw := remediate.Run(ctx, cfg, os.Getenv("COUNTERSIGN_ORDER")).Encode()
	_, printed := fmt.Fprintf(out, "%s\n", raw)
	return errors.Join(printed, os.WriteFile(*message, raw, 0o600))
}

// connect leaves the client out where there is none to be had: Run says so in
// its Result, which is where the gate looks.
func connect(cfg *remediate.Config) {
	var err error
	if cfg.Pod, err = os.Hostname(); err != nil {
		return
	}
	in, err := rest.InClusterConfig()
	if err != nil {
		return
	}
	if client, clock, err := remediate.Connect(in); err == nil {
		cfg.Client, cfg.Clock = client, clock
	}
}

func addKey(keys action.Keys, s string) error {
	id, encoded, ok := strings.Cut(s, ":")
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || id == "" || err != nil || len(raw) != ed25519.PublicKeySize {
		return errors.New("want ID:BASE64 of an Ed25519 public key")
	}
	keys[id] = raw
	return nil
}
