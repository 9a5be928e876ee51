package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/app"
)

func newAuditReplay() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Rebuild every incident's state from an export and compare the ways to get there",
		Long: `Folds each incident's records all at once and again record by record; both states
must be equal as canonical JSON. With --store the records and states must also be
those of the store that the settings name, and the gate's seals must be right.
It proves nothing about who wrote the export: 'countersign audit verify' does.

Exit code 0: all states agree, 1: something is wrong, 2: could not read.`,
		Args: cobra.ExactArgs(1),
	}
	load := settingsFlag(cmd)
	live := cmd.Flags().Bool("store", false, "compare with the store of the settings (needs KEYS_DIR)")
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output != "text" && *output != "json" {
			return fmt.Errorf("--output %q: use text or json", *output)
		}
		var settings *app.Settings
		if *live {
			s, err := load()
			if err != nil {
				return err
			}
			settings = &s
		}
		replayed, err := app.AuditReplay(cmd.Context(), args[0], settings)
		if err != nil {
			return err
		}
		if *output == "json" {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(replayed)
		} else {
			err = app.PrintReplay(replayed, cmd.OutOrStdout())
		}
		if err == nil && len(replayed.Problems) > 0 {
			return exit(1)
		}
		return err
	}
	return cmd
}
