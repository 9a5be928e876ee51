// Command sandbox shows Countersign at work: it brings a real cluster up (or
// uses the one that is named), breaks a small shop, and lets a person approve
// the fix on a page. It is no part of an installation.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{Use: "sandbox", Short: "Countersign on a real cluster, to try it", SilenceUsage: true, SilenceErrors: true}
	demo := &cobra.Command{
		Use:   "demo",
		Short: "Break a small shop and watch Countersign explain it and ask",
		Long: `Brings up a real one-node Kubernetes (needs root on Linux), or uses the context that
CLUSTER=context:NAME names (then EXECUTOR_IMAGE must name the executor's image by digest).
Slack is a stand-in with a page to click in. With --auto it presses Approve by itself.`,
		Args: cobra.NoArgs,
	}
	auto := demo.Flags().Bool("auto", false, "press Approve by itself, wait for recovered, clean up")
	addr := demo.Flags().String("addr", "127.0.0.1:0", "loopback address of the page; port 0 takes a free one")
	demo.RunE = func(cmd *cobra.Command, _ []string) error {
		return runDemo(cmd.Context(), options{auto: *auto, addr: *addr, out: cmd.OutOrStdout()})
	}
	root.AddCommand(demo)
	return root
}
