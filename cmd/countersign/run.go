package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/internal/app"
)

// settingsFlag adds --config and returns a loader for what it names.
func settingsFlag(cmd *cobra.Command) func() (app.Settings, error) {
	file := cmd.Flags().String("config", "", "settings file (YAML); environment variables win over it")
	return func() (app.Settings, error) { return app.LoadSettings(*file, os.LookupEnv) }
}

func newRun() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Watch the cluster, post to Slack, ask before changing anything",
		Long: `Runs until it is told to stop (SIGTERM, at most 5 s).

Needs SLACK_BOT_TOKEN, SLACK_APP_TOKEN and SLACK_CHANNEL_ID. Changes nothing unless
REMEDIATION_MODE is approve and ALLOWED_APPROVERS names somebody.
All settings: countersign config print`,
		Args: cobra.NoArgs,
	}
	load := settingsFlag(cmd)
	role := cmd.Flags().String("role", "all", "which role this process plays: watcher, gate or all")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := load()
		if err != nil {
			return err
		}
		var roles app.Roles
		switch *role {
		case "watcher":
			roles.Watcher = true
		case "gate":
			roles.Gate = true
		case "all":
			roles = app.Roles{Watcher: true, Gate: true}
		default:
			return fmt.Errorf("--role %q: use watcher, gate or all", *role)
		}
		level, err := settings.Level()
		if err != nil {
			return err
		}
		log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
		return app.Run(cmd.Context(), settings, roles, log)
	}
	return cmd
}

func newConfig() *cobra.Command {
	cmd := group("config", "Check or print the settings")
	check := &cobra.Command{Use: "check", Short: "Check the settings and say what is wrong with them", Args: cobra.NoArgs}
	loadCheck := settingsFlag(check)
	check.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := loadCheck()
		if err != nil {
			return err
		}
		if _, err := s.Approvers(); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "the settings are well-formed")
		return nil
	}
	show := &cobra.Command{Use: "print", Short: "Print the settings in force, secrets masked", Args: cobra.NoArgs}
	loadShow := settingsFlag(show)
	show.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := loadShow()
		if err != nil {
			return err
		}
		text, err := s.Printable()
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(text)
		return err
	}
	cmd.AddCommand(check, show)
	return cmd
}
