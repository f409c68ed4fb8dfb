package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/reifyhq/reify/internal/cli"
	"github.com/reifyhq/reify/internal/config"
	"github.com/reifyhq/reify/internal/obs"
	"github.com/reifyhq/reify/internal/server"
)

// runServer is `reify server`.
func runServer(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, _, err := config.Load(args, os.Environ(), os.ReadFile)
	if errors.Is(err, config.ErrHelp) {
		if _, err := fmt.Fprint(stdout, "Run a manager until it is told to stop (SIGINT or SIGTERM).\n\nUsage: reify server [--SETTING VALUE ...]\n\n"); err != nil {
			return err
		}
		return config.Usage(stdout)
	}
	if err != nil {
		return cli.Usage(err)
	}
	log, level, err := obs.NewLogger(stderr, obs.Options{Level: c.Log.Level, Format: c.Log.Format})
	if err != nil {
		return err
	}
	self, err := ctxProgram()
	if err != nil {
		return err
	}
	return server.Run(ctx, server.Options{
		Config: *c, Log: log, Out: stdout, Version: programVersion(), Commit: commit, Ctx: self,
		Reload: func() (*config.Config, error) {
			again, _, err := config.Load(args, os.Environ(), os.ReadFile)
			if err != nil {
				return nil, err
			}
			return again, obs.SetLevel(level, again.Log.Level)
		},
	})
}

// ctxProgram is what scripts call as ctx: the small agent program when it lies beside this one, else this one.
func ctxProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the running program: %w", err)
	}
	if agent := filepath.Join(filepath.Dir(self), "reify-agent"); isFile(agent) {
		return agent, nil
	}
	return self, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// showConfig is `reify config show [--origin]`.
func showConfig(_ context.Context, args []string, stdout, _ io.Writer) error {
	const flag = "--origin"
	origin := slices.Contains(args, flag)
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == flag })
	c, origins, err := config.Load(args, os.Environ(), os.ReadFile)
	if errors.Is(err, config.ErrHelp) {
		if _, err := fmt.Fprint(stdout, "Show the configuration that a manager started here would have.\n\nUsage: reify config show [--origin] [--SETTING VALUE ...]\n\n"); err != nil {
			return err
		}
		return config.Usage(stdout)
	}
	if err != nil {
		return cli.Usage(err)
	}
	if !origin {
		origins = nil
	}
	return c.Show(stdout, origins)
}
