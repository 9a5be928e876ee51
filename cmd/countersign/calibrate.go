package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/app"
)

func newCalibrate() *cobra.Command {
	cmd := group("calibrate", "Say how sure rules and models may be, from what became of incidents")
	report := &cobra.Command{
		Use:   "report [EXPORT]",
		Short: "Print the confidence in every rule and model, and how well what was said came true",
		Long: `Reads the closed incidents of an export (countersign audit export), or of the store that the
settings name. Outcomes are what people said of a cause and what approved changes did.
docs/calibration.md says how they are weighed.`,
		Args: cobra.MaximumNArgs(1),
	}
	load := settingsFlag(report)
	output := report.Flags().StringP("output", "o", "text", "text or json")
	plot := report.Flags().String("svg", "", "also draw the reliability into this file")
	report.RunE = func(cmd *cobra.Command, args []string) error {
		if *output != "text" && *output != "json" {
			return fmt.Errorf("--output %q: use text or json", *output)
		}
		s, err := load()
		if err != nil {
			return err
		}
		file := ""
		if len(args) == 1 {
			file = args[0]
		}
		r, err := app.Calibration(cmd.Context(), s, file)
		if err != nil {
			return err
		}
		return app.PrintCalibration(r, *output, *plot, cmd.OutOrStdout())
	}
	cmd.AddCommand(report)
	return cmd
}
