package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/countersign-dev/countersign/internal/app"
	"github.com/countersign-dev/countersign/internal/report"
)

func newOptimize() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "optimize [KIND/NAME]",
		Short: "Compare use with requests, limits and autoscalers: what is about to break, what is idle (read-only)",
		Long: `Looks with your own rights at what containers use (metrics.k8s.io) and at what they ask for.
Reads only, and files nothing: proposals are for you to read, commands for you to run.

One look is one sample of some 15 s. It warns; it never lowers memory. --watch samples over
a time, and what a figure rests on stands beside it.

Exit code 0: nothing found, 1: findings, 2: cannot tell (no metrics API, no rights, no samples).`,
		Example: `  countersign optimize -n shop
  countersign optimize deploy/web -n shop --watch 10m
  countersign optimize -A --price cpu=25,memory=4,storage=0.1`,
		Args: cobra.MaximumNArgs(1),
	}
	look := lookFlags(cmd)
	o := app.OptimizeOptions{}
	f := cmd.Flags()
	f.BoolVarP(&look.AllNamespaces, "all-namespaces", "A", false, "look at all namespaces")
	f.DurationVar(&o.Watch, "watch", 0, "sample for this long, for example 10m (an interrupt ends it early)")
	f.StringVar(&o.Settings, "settings", "", "file with the policy's settings in YAML, which bound proposals (default: the default settings)")
	price := f.StringToString("price", nil, "what a month of a core (cpu), a GiB of memory (memory) and of storage (storage) costs; without it no money is spoken of")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		look.Colour = colour(cmd)
		o.LookOptions = *look
		file, ok := cmd.ErrOrStderr().(*os.File)
		o.Live = ok && term.IsTerminal(int(file.Fd()))
		var err error
		if o.Prices, err = prices(*price); err != nil {
			return err
		}
		object := ""
		if len(args) > 0 {
			object = args[0]
		}
		return finish(app.Optimize(cmd.Context(), o, object, cmd.OutOrStdout(), cmd.ErrOrStderr()))
	}
	return cmd
}

// prices reads --price.
func prices(given map[string]string) (report.Prices, error) {
	var p report.Prices
	at := map[string]*float64{"cpu": &p.CPU, "memory": &p.Memory, "storage": &p.Storage}
	for what, amount := range given {
		into, known := at[what]
		if !known {
			return p, fmt.Errorf("--price %s: use cpu, memory and storage", what)
		}
		n, err := strconv.ParseFloat(amount, 64)
		if err != nil || !(n >= 0 && n < 1e9) {
			return p, fmt.Errorf("--price %s=%s: %q is not an amount of money", what, amount, amount)
		}
		*into = n
	}
	return p, nil
}
