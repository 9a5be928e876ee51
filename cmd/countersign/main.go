// Command countersign watches a Kubernetes cluster, explains what broke, and
// fixes it only after a person has countersigned the exact change.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

// Exit codes: 0 nothing found, 1 incidents found, 2 could not do it.
const exitFailed = 2

// exit is an error that only carries an exit code.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	var code exit
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "countersign:", err)
		os.Exit(exitFailed)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "countersign",
		Short: "Explains what broke in a Kubernetes cluster, and fixes it only after a person has countersigned the exact change",
		Long: `Countersign watches a Kubernetes cluster read-only, explains what broke, and fixes it
only after named people have approved the exact change in Slack.

Try it on any cluster, no configuration needed:
  countersign scan                     what is broken in the current namespace
  countersign scan -A                  … in all namespaces
  countersign diagnose deploy/web      why one workload does not run
  countersign optimize                 what has the wrong size`,
		SilenceUsage: true, SilenceErrors: true,
	}
	// client-go logs through klog; what matters of it reaches us as errors.
	klog.SetLogger(klog.Logger{})
	root.AddCommand(newRun(), newScan(), newDiagnose(), newOptimize(), newRedact(), newCalibrate(), newAudit(), newIncident(), newConfig(), newKeys(), newPolicyCommand(), newDoctor(), newApprove(), newReject(), newStop(), newResume(), newNginx(), newVersion())
	return root
}

// group is a command that only holds others. cobra would answer a misspelt
// subcommand with the help text and exit code 0.
func group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q for %q (see: %s --help)", args[0], cmd.CommandPath(), cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
}
