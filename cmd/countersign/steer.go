package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/countersign-dev/countersign/internal/app"
)

// clusterFlags adds kubectl's flags and the namespace of an installation.
func clusterFlags(cmd *cobra.Command) *app.LookOptions {
	o := &app.LookOptions{Output: "text"}
	f := cmd.Flags()
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "path to the kubeconfig file")
	f.StringVar(&o.Context, "context", "", "kubeconfig context")
	f.StringVarP(&o.Namespace, "namespace", "n", "countersign", "namespace of the installation")
	return o
}

func newStop() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Throw the kill switch: no Job is created from now on, and executors that start stop",
		Long: `Writes ConfigMap countersign-switch with your own rights. It holds for every replica and
every executor; open offers are taken back, and Slack is told by whom.

Take it back with: countersign resume`,
		Args: cobra.NoArgs,
	}
	return turning(cmd, true)
}

func newResume() *cobra.Command {
	cmd := &cobra.Command{Use: "resume", Short: "Take the kill switch back: findings that stand are planned again", Args: cobra.NoArgs}
	return turning(cmd, false)
}

func turning(cmd *cobra.Command, stop bool) *cobra.Command {
	o := clusterFlags(cmd)
	by := cmd.Flags().String("by", os.Getenv("USER"), "who does it, for the announcement")
	reason := cmd.Flags().String("reason", "", "why, for the announcement")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		was, err := app.Turn(cmd.Context(), *o, stop, *by, *reason)
		if err != nil {
			return err
		}
		now := "running"
		if stop {
			now = "stopped"
		}
		fmt.Fprintf(cmd.OutOrStdout(), "was %s, is %s\n", was, now)
		return nil
	}
	return cmd
}

func newApprove() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve INCIDENT",
		Short: "Approve an open offer with a signature of your SSH key, outside Slack",
		Long: `Fetches the exact change that is offered, recomputes its digest, shows it, signs it and
sends the signature to the gate, through the API server with your own rights.

Needed where the target's namespace is labelled countersign.dev/require-signature=true, and
possible everywhere, also while Slack is down. ConfigMap countersign-allowed-signers says whose
keys count; the executor checks the signature itself.

Exit code 0: signed and sent, 1: nothing was signed, 2: could not do it.`,
		Example: `  countersign approve i0123456789ab --as U02ALICE --key ~/.ssh/id_ed25519
  countersign approve i0123456789ab --as U02ALICE --key ~/.ssh/id_ed25519_sk.pub   # from the agent`,
		Args: cobra.ExactArgs(1),
	}
	o := &app.ApproveOptions{}
	look := clusterFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Signer, "as", os.Getenv("COUNTERSIGN_SIGNER"), "your Slack user id (or COUNTERSIGN_SIGNER)")
	f.StringVar(&o.Key, "key", "", "your private key, or the public key of one in your SSH agent")
	f.StringVar(&o.Reason, "reason", "", "why you approve, where the policy asks for a reason")
	f.StringVar(&o.Service, "service", "countersign-gate:8082", "the gate's Service and port")
	f.StringVar(&o.GateURL, "gate-url", "", "the gate's address, instead of the API server's proxy")
	f.DurationVar(&o.Wait, "wait", 30*time.Second, "how long to follow what becomes of it")
	yes := f.Bool("yes", false, "sign without asking")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case o.Signer == "":
			return errors.New("--as: say which Slack user you are, for example --as U02ALICE (or set COUNTERSIGN_SIGNER)")
		case o.Key == "":
			return errors.New("--key: name your SSH key, for example --key ~/.ssh/id_ed25519")
		}
		o.LookOptions, o.Incident = *look, args[0]
		o.Confirm = func(text string) (bool, error) {
			fmt.Fprint(cmd.OutOrStdout(), text)
			if *yes {
				return true, nil
			}
			fmt.Fprint(cmd.OutOrStdout(), "Sign it? Type yes: ")
			line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
			return err == nil && strings.TrimSpace(line) == "yes", nil
		}
		o.Passphrase = func(prompt string) ([]byte, error) {
			fmt.Fprint(cmd.ErrOrStderr(), prompt)
			defer fmt.Fprintln(cmd.ErrOrStderr())
			return term.ReadPassword(int(os.Stdin.Fd()))
		}
		err := app.Approve(cmd.Context(), *o, cmd.OutOrStdout())
		if errors.Is(err, app.ErrNotApproved) {
			fmt.Fprintln(cmd.OutOrStdout(), err)
			return exit(1)
		}
		return err
	}
	return cmd
}
