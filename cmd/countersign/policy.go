package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/policies"
)

func newPolicyCommand() *cobra.Command {
	cmd := group("policy", "Show, check or try the policy that decides about changes")
	show := &cobra.Command{
		Use: "show", Short: "Print the policy that is built in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), policies.Source)
			return err
		},
	}
	check := &cobra.Command{
		Use: "check", Short: "Say what is wrong with a policy or its settings before they are in force", Args: cobra.NoArgs,
		Long: `Exit code 0: it would be taken, 2: it would not. Lists what it makes easier, compared with
the policy that is built in and its default settings.`,
	}
	load := policyFlags(check)
	check.RunE = func(cmd *cobra.Command, _ []string) error {
		e, err := load(cmd.Context())
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		for _, wider := range policy.Widens(policy.DefaultSettings(), e.Settings(), policies.Source, e.Source()) {
			fmt.Fprintln(out, "easier than by default:", wider)
		}
		fmt.Fprintln(out, "ok, digest", e.Digest())
		return nil
	}
	cmd.AddCommand(show, check, newPolicyTest())
	return cmd
}

// policyFlags adds the flags that name a policy, and returns what loads it.
func policyFlags(cmd *cobra.Command) func(context.Context) (*policy.Engine, error) {
	source := cmd.Flags().String("policy", "", "file with the policy in Rego (default: the one that is built in)")
	settings := cmd.Flags().String("settings", "", "file with the policy's settings in YAML (default: the default settings)")
	return func(ctx context.Context) (*policy.Engine, error) {
		text, s := policies.Source, policy.DefaultSettings()
		if *settings != "" {
			raw, err := os.ReadFile(*settings)
			if err != nil {
				return nil, fmt.Errorf("--settings: %w", err)
			}
			if s, err = policy.ParseSettings(raw, s); err != nil {
				return nil, fmt.Errorf("--settings %s: %w", *settings, err)
			}
		}
		name := "the policy that is built in"
		if *source != "" {
			raw, err := os.ReadFile(*source)
			if err != nil {
				return nil, fmt.Errorf("--policy: %w", err)
			}
			text, name = string(raw), "--policy "+*source
		}
		e, err := policy.New(ctx, text, s, redact.New(redact.Config{}))
		if err == nil {
			err = e.Check(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return e, nil
	}
}

func newPolicyTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Put questions to a policy, or run Rego tests on it",
		Long: `FILE is a list of cases (*.yaml), each a question and what the answer should be, or Rego
tests (*_test.rego), which run on the policy with the settings as data.settings.
docs/policy.md has examples of both.

Exit code 0: all as wanted, 1: something is not, 2: could not ask.`,
		Example: `  countersign policy test --policy mine.rego --settings settings.yaml cases.yaml mine_test.rego`,
		Args:    cobra.MinimumNArgs(1),
	}
	load := policyFlags(cmd)
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output != "text" && *output != "json" {
			return fmt.Errorf("--output %q: use text or json", *output)
		}
		e, err := load(cmd.Context())
		if err != nil {
			return err
		}
		trial, err := policy.Try(cmd.Context(), e, args, os.ReadFile)
		if err != nil {
			return err
		}
		if *output == "json" {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(trial)
		} else {
			_, err = io.WriteString(cmd.OutOrStdout(), strings.Join(trial.Lines(), "\n")+"\n")
		}
		if err != nil {
			return err
		}
		if trial.Failed > 0 {
			return exit(1)
		}
		return nil
	}
	return cmd
}
