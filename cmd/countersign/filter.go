package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/app"
)

func newRedact() *cobra.Command {
	var o app.RedactOptions
	var report, show bool
	var format string
	cmd := &cobra.Command{
		Use:   "redact",
		Short: "Copy standard input to standard output as a model would see it",
		Long: `Reads text from standard input and writes it without secrets and personal data,
in constant memory and of any length. Equal values get equal placeholders within
one run; the key is random per run. What cannot be looked at is withheld, and
nothing in the text can switch that off.`,
		Example: `  kubectl logs deploy/web | countersign redact
  countersign redact --report < app.log > clean.log
  countersign redact --show --rules own-rules.yaml < app.log | less -R`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("--output: %q is not known; use text or json", format)
			}
			if report {
				o.Report = format
			}
			o.Show = show || colour(cmd)
			return app.RedactStream(o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&report, "report", false, "count on standard error what was hidden, by kind")
	cmd.Flags().BoolVar(&show, "show", false, "colour the placeholders, also into a pipe")
	cmd.Flags().StringVar(&o.RulesFile, "rules", "", "YAML `file` with rules of your own")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "form of the report: text or json")
	return cmd
}
