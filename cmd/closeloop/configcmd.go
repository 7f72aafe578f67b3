package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
)

func configCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Check the configuration, or print an example",
		Example: "  closeloop config check", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(checkCommand(a), exampleCommand(a))
	return cmd
}

func exampleCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "example", Short: "Print a complete commented configuration",
		Example: "  closeloop config example > closeloop.yaml", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.stdout, config.Example())
			return err //nolint:wrapcheck // standard output says enough
		},
	}
}

func checkCommand(a *app) *cobra.Command {
	var online bool
	cmd := &cobra.Command{
		Use: "check", Short: "List every mistake in the configuration, each with how to mend it",
		Long: "Check reads the configuration as serve does. With --online it also asks Google, with each\n" +
			"account's credentials, whether customer, currency, time zone and conversion actions fit; an\n" +
			"account with api: data_manager has a made-up event checked, which Google does not keep.",
		Example: "  closeloop config check --config closeloop.yaml --online", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			a.warn(cfg)
			fmt.Fprintf(a.stdout, "%s is fine: %d sources, %d accounts\n", cfg.Path, len(cfg.Sources), len(cfg.Accounts))
			if !online {
				return nil
			}
			return a.checkOnline(cmd.Context(), cfg)
		},
	}
	cmd.Flags().BoolVar(&online, "online", false, "also ask Google")
	return cmd
}
