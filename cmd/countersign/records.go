package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/app"
)

func newAudit() *cobra.Command {
	cmd := group("audit", "Export the audit log, prove that an export is whole, or rebuild what it says")
	cmd.AddCommand(newAuditExport(), newAuditVerify(), newAuditReplay())
	return cmd
}

func newAuditExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write all records as a hash chain, one JSON line each, with a signed head",
		Args:  cobra.NoArgs,
	}
	load := settingsFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := load()
		if err != nil {
			return err
		}
		return app.AuditExport(cmd.Context(), s, cmd.OutOrStdout())
	}
	return cmd
}

func newAuditVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check an export with the public key alone; names every record that is not in its place",
		Long: `Exit code 0: whole and signed, 1: something is wrong, 2: could not read.

--key is the public key: ID:BASE64 as 'countersign keys show' prints it.
--anchor is the head kept in the cluster:
  kubectl get configmap countersign-audit-anchor -n countersign -o jsonpath='{.data.head}' > head.json`,
		Args: cobra.ExactArgs(1),
	}
	keys := cmd.Flags().StringArray("key", nil, "public key that may have signed the head (repeatable)")
	anchor := cmd.Flags().String("anchor", "", "file with the head kept in the cluster")
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output != "text" && *output != "json" {
			return fmt.Errorf("--output %q: use text or json", *output)
		}
		report, err := app.AuditVerify(args[0], *keys, *anchor)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if *output == "json" {
			if err := json.NewEncoder(out).Encode(report); err != nil {
				return err
			}
		} else {
			for _, p := range report.Problems {
				fmt.Fprintln(out, p)
			}
			fmt.Fprintf(out, "%d records of %d incidents, %d problems, head signed by a known key: %v\n",
				report.Records, report.Incidents, len(report.Problems), report.Signed)
		}
		if len(report.Problems) > 0 || !report.Signed {
			return exit(1)
		}
		return nil
	}
	return cmd
}
