package main

import (
	"encoding/base64"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/app"
)

func newKeys() *cobra.Command {
	cmd := group("keys", "Make or show the gate's keys")
	start := &cobra.Command{Use: "init", Short: "Write a new signing key and a new seal key; never replaces any", Args: cobra.NoArgs}
	to := start.Flags().String("dir", "keys", "directory to write them into")
	start.RunE = func(*cobra.Command, []string) error { return app.MakeKeys(*to) }
	show := &cobra.Command{Use: "show", Short: "Print the public key as ID:BASE64, for auditors and executors", Args: cobra.NoArgs}
	from := show.Flags().String("dir", "keys", "directory to read them from")
	show.RunE = func(cmd *cobra.Command, _ []string) error {
		keys, err := app.LoadKeys(*from)
		if err != nil {
			return err
		}
		for id, public := range keys.Public() {
			fmt.Fprintf(cmd.OutOrStdout(), "%s:%s\n", id, base64.StdEncoding.EncodeToString(public))
		}
		return nil
	}
	cmd.AddCommand(start, show)
	return cmd
}
