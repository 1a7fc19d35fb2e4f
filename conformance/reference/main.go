// Command reference serves the hello.zeng.dev API with k8s.io/apiserver: the Go program
// that Pintle's answers are compared with.
package main

import (
	"os"

	"github.com/spf13/cobra"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/term"

	"pintle.dev/conformance/reference/server"
)

func main() {
	options := server.NewOptions()
	command := &cobra.Command{
		Use:           "reference",
		Long:          "Launch hello.zeng.dev-server",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(command *cobra.Command, _ []string) error {
			return server.Run(command.Context(), options)
		},
	}
	sections := options.Flags()
	for _, section := range sections.FlagSets {
		command.Flags().AddFlagSet(section)
	}
	columns, _, _ := term.TerminalSize(command.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(command, sections, columns)
	command.SetContext(genericapiserver.SetupSignalContext())
	os.Exit(cli.Run(command))
}
