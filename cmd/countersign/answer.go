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

func newApprove() *cobra.Command {
	return answering(&cobra.Command{
		Use:   "approve INCIDENT",
		Short: "Approve an open offer with a signature of your SSH key, outside Slack",
		Long: `Fetches the exact change that is offered, recomputes its digest, shows it, signs it and
sends the signature to the gate, through the API server with your own rights (get and create
on services/proxy of the gate's Service).

Needed where the target's namespace is labelled countersign.dev/require-signature=true, and
possible everywhere, also while Slack is down. ConfigMap countersign-allowed-signers says whose
keys count; the executor checks the signature itself.

Exit code 0: signed and sent, 1: nothing was signed, 2: could not do it.`,
		Example: `  countersign approve i0123456789ab --as U02ALICE --key ~/.ssh/id_ed25519
  countersign approve i0123456789ab --as U02ALICE --key ~/.ssh/id_ed25519_sk.pub   # from the agent`,
	}, false)
}

func newReject() *cobra.Command {
	return answering(&cobra.Command{
		Use:   "reject INCIDENT",
		Short: "Reject an open offer with a signature of your SSH key, outside Slack",
		Long: `Like approve, for who may approve: the offer is withdrawn and nothing is changed. The
signature says that it rejects, and nobody can make an approval of it.

Exit code 0: signed and sent, 1: nothing was signed, 2: could not do it.`,
		Example: `  countersign reject i0123456789ab --as U02ALICE --key ~/.ssh/id_ed25519 --reason 'the release is rolled back by hand'`,
	}, true)
}

// answering gives cmd the flags of an answer to an offer.
func answering(cmd *cobra.Command, reject bool) *cobra.Command {
	o := &app.AnswerOptions{Reject: reject}
	look := clusterFlags(cmd)
	cmd.Args = cobra.ExactArgs(1)
	f := cmd.Flags()
	f.StringVar(&o.Signer, "as", os.Getenv("COUNTERSIGN_SIGNER"), "your Slack user id (or COUNTERSIGN_SIGNER)")
	f.StringVar(&o.Key, "key", "", "your private key, or the public key of one in your SSH agent")
	f.StringVar(&o.Reason, "reason", "", "why, for the audit and where the policy asks for a reason")
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
		err := app.Answer(cmd.Context(), *o, cmd.OutOrStdout())
		if errors.Is(err, app.ErrNotSigned) {
			fmt.Fprintln(cmd.OutOrStdout(), err)
			return exit(1)
		}
		return err
	}
	return cmd
}
