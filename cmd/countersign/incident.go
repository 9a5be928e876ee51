package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/app"
)

func newIncident() *cobra.Command {
	cmd := group("incident", "List incidents, show one, or make cases of them that replay")
	cmd.AddCommand(newIncidentList(), newIncidentShow(), newIncidentExport(), newIncidentReplay())
	return cmd
}

func newIncidentList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List incidents, newest first", Args: cobra.NoArgs}
	load := settingsFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := load()
		if err != nil {
			return err
		}
		return app.IncidentList(cmd.Context(), s, cmd.OutOrStdout())
	}
	return cmd
}

func newIncidentShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Short: "Show one incident: cause, attempts, verdicts, evidence", Args: cobra.ExactArgs(1)}
	load := settingsFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := load()
		if err != nil {
			return err
		}
		return app.IncidentShow(cmd.Context(), s, args[0], cmd.OutOrStdout())
	}
	return cmd
}

func newIncidentExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export ID",
		Short: "Write one incident as a case: what the rules saw, redacted, and what people say that it was",
		Long: `Writes YAML that 'countersign incident replay' reads. Read it before you share it: names of
your workloads, images and namespaces stand in it; Secrets, values of ConfigMaps and what
looks like a secret do not.

--events writes the incident's events instead, one JSON line each, as the store has them.`,
		Example: `  countersign incident export i0123456789ab -o test/cases/cache-gone.yaml`,
		Args:    cobra.ExactArgs(1),
	}
	load := settingsFlag(cmd)
	output := cmd.Flags().StringP("output", "o", "", "file to write; standard output when not set")
	events := cmd.Flags().Bool("events", false, "write the events, one JSON line each, and no case")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := load()
		if err != nil {
			return err
		}
		if *events {
			return app.IncidentExport(cmd.Context(), s, args[0], cmd.OutOrStdout())
		}
		c, err := app.IncidentCase(cmd.Context(), s, args[0])
		if err != nil {
			return err
		}
		raw, err := c.Encode()
		if err != nil {
			return err
		}
		if *output == "" {
			_, err = cmd.OutOrStdout().Write(raw)
			return err
		}
		if err := os.WriteFile(*output, raw, 0o600); err != nil {
			return fmt.Errorf("--output: %w", err)
		}
		return nil
	}
	return cmd
}

func newIncidentReplay() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Run the rules on cases and compare their answer with what people say (needs no cluster and no store)",
		Long: `Exit code 0: the rules say what people say, 1: of some case they say something else,
2: of some case it cannot be told (no verdict, no snapshot, a file that cannot be read).`,
		Args: cobra.MinimumNArgs(1),
	}
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output != "text" && *output != "json" {
			return fmt.Errorf("--output %q: use text or json", *output)
		}
		var all []app.Replay
		for _, file := range args {
			r, err := app.ReplayFile(file)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		print := func() error { return app.PrintReplayed(all, cmd.OutOrStdout()) }
		if *output == "json" {
			print = func() error { return json.NewEncoder(cmd.OutOrStdout()).Encode(all) }
		}
		if err := print(); err != nil {
			return err
		}
		return replayed(all)
	}
	return cmd
}

// replayed turns the outcomes into the exit code: a wrong answer of the rules
// outweighs one that cannot be told.
func replayed(all []app.Replay) error {
	code := 0
	for _, r := range all {
		switch r.Outcome {
		case app.Different:
			return exit(1)
		case app.CannotTell:
			code = exitFailed
		case app.Same:
		}
	}
	if code != 0 {
		return exit(code)
	}
	return nil
}
