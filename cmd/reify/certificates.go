package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/reifyhq/reify/internal/cli"
	"github.com/reifyhq/reify/internal/config"
)

// certificates makes a program that prints something of the certificates in the data directory of the configuration.
func certificates(show func(dataDir string, out io.Writer) error) cli.Program {
	return func(_ context.Context, args []string, stdout, _ io.Writer) error {
		c, _, err := config.Load(args, os.Environ(), os.ReadFile)
		if errors.Is(err, config.ErrHelp) {
			_, err := fmt.Fprint(stdout, "Print the certificates that a manager made for itself. Its data directory is found like by "+
				"\"reify server\": --data-dir, REIFY_DATA_DIR or the configuration file.\n")
			return err
		}
		if err != nil {
			return cli.Usage(err)
		}
		return show(c.DataDir, stdout)
	}
}
