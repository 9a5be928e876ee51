package main

import (
	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/app"
)

func newNginx() *cobra.Command {
	cmd := group("nginx", "Look at configurations of nginx")
	cmd.AddCommand(newNginxCheck())
	return cmd
}

func newNginxCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check configmap/NAME | FILE | DIRECTORY",
		Short: "Say what nginx refuses in a configuration, and what is unsafe or slow (read-only)",
		Long: `Looks at the keys of a ConfigMap, at a file, or at all files below a directory. Nothing is
executed and nothing is written, to the cluster or to files. docs/nginx.md lists the findings.

With --fix the correction is printed as a unified diff that has passed redaction: lines that hold
something to redact are never corrected.

Exit code 0: nothing found, 1: findings, 2: could not look.`,
		Example: `  countersign nginx check -n shop configmap/web-nginx
  countersign nginx check ./nginx.conf --fix`,
		Args: cobra.ExactArgs(1),
	}
	o := lookFlags(cmd)
	fix := cmd.Flags().Bool("fix", false, "print the corrected lines as a diff instead of the findings")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return finish(app.CheckNginx(cmd.Context(), *o, args[0], *fix, cmd.OutOrStdout(), cmd.ErrOrStderr()))
	}
	return cmd
}
