package main

import (
	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/redact"
)

func newRedact() *cobra.Command {
	return &cobra.Command{
		Use:   "redact",
		Short: "Copy standard input to standard output as a model would see it",
		Long: `Reads text from standard input and writes it without secrets and personal data.
Equal values get equal placeholders within one run; the key is random per run.`,
		Example: `  kubectl logs deploy/web | countersign redact`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := redact.New(redact.Config{})
			return redact.Filter(r, cmd.InOrStdin(), cmd.OutOrStdout(), redact.FilterOptions{Colour: colour(cmd)})
		},
	}
}
