package main

import (
	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/app"
)

func newDoctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check an installation and prove its fence, with a remedy for what fails (dry runs only)",
		Long: `Looks at the policies and whether they refuse what they must, at the rights of each
account, the executor's Job, Gatekeeper, Slack, Redis, keys, clock and audit anchor.
It goes by the settings of the gate and acts with your own kubeconfig, which must be
allowed to impersonate; everything it tries is a dry run.

Exit code 0: all is well, 1: something failed, 2: something could not be checked.`,
		Args: cobra.NoArgs,
	}
	load := settingsFlag(cmd)
	o := &app.LookOptions{}
	f := cmd.Flags()
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "path to the kubeconfig file")
	f.StringVar(&o.Context, "context", "", "kubeconfig context")
	f.StringVarP(&o.Output, "output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := load()
		if err != nil {
			return err
		}
		o.Colour = colour(cmd)
		code, err := app.Doctor(cmd.Context(), *o, s, cmd.OutOrStdout())
		if err != nil {
			return err
		}
		if code != 0 {
			return exit(code)
		}
		return nil
	}
	return cmd
}
