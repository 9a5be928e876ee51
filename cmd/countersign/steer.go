package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

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
