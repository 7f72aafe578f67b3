package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  closeloop version", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.stdout, "closeloop %s, Google Ads API %s, %s %s/%s\n",
				version, adsAPI(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err //nolint:wrapcheck // standard output says enough
		},
	}
}

// adsAPI is the version of the API, which is the minor version of the module
// that holds its messages.
func adsAPI() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/shenzhencenter/google-ads-pb" {
			var major, minor, patch int
			if n, err := fmt.Sscanf(m.Version, "v%d.%d.%d", &major, &minor, &patch); n == 3 && err == nil {
				return fmt.Sprintf("v%d", minor)
			}
		}
	}
	return "unknown"
}
