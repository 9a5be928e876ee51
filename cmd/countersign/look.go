package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/countersign-dev/countersign/internal/app"
)

// lookFlags adds kubectl's flags and the output flag.
func lookFlags(cmd *cobra.Command) *app.LookOptions {
	o := &app.LookOptions{}
	f := cmd.Flags()
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "path to the kubeconfig file")
	f.StringVar(&o.Context, "context", "", "kubeconfig context")
	f.StringVarP(&o.Namespace, "namespace", "n", "", "namespace; the context's own when not set")
	f.StringVarP(&o.Output, "output", "o", "text", "text or json")
	return o
}

// finish turns the number of findings into the exit code.
func finish(found int, err error) error {
	if err != nil {
		return err
	}
	if found > 0 {
		return exit(1)
	}
	return nil
}

func colour(cmd *cobra.Command) bool {
	f, ok := cmd.OutOrStdout().(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""
}

func newScan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scan",
		Short: "Say what is broken, why, and what would fix it (read-only, no configuration)",
		Long: `Looks at the cluster of the current kubeconfig context with your own rights. Reads only.

Exit code 0: healthy, 1: incidents found, 2: could not look.`,
		Args: cobra.NoArgs,
	}
	o := lookFlags(cmd)
	cmd.Flags().BoolVarP(&o.AllNamespaces, "all-namespaces", "A", false, "look at all namespaces")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Colour = colour(cmd)
		return finish(app.Scan(cmd.Context(), *o, cmd.OutOrStdout(), cmd.ErrOrStderr()))
	}
	return cmd
}

func newDiagnose() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diagnose KIND/NAME",
		Short: "Say why one object does not work (read-only, no configuration)",
		Example: `  countersign diagnose deploy/web -n shop
  countersign diagnose pod/web-7d4b9c-x2x -n shop -o json`,
		Args: cobra.ExactArgs(1),
	}
	o := lookFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Colour = colour(cmd)
		return finish(app.Diagnose(cmd.Context(), *o, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr()))
	}
	return cmd
}

// version is set by the linker.
var version = "dev"

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "countersign", version)
			return err
		},
	}
}
