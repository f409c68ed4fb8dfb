package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/reifyhq/reify/internal/cli"
	"github.com/reifyhq/reify/internal/config"
	"github.com/reifyhq/reify/internal/server"
)

// pythonFlags are the short forms of settings.
var pythonFlags = map[string]string{"--wheelhouse": "--python.wheelhouse", "--python": "--python.program"}

// setupPython is `reify python setup [--wheelhouse DIR] [--python PATH] [--SETTING VALUE ...]`.
func setupPython(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := pythonConfig(args, stdout, "Make the environment that Python plugins of a manager build on: a virtual environment with the "+
		"published package\ncloudify-common, from the package registry or from a directory of wheels. What is there already stays.\n\n"+
		"Usage: reify python setup [--wheelhouse DIR] [--python PATH] [--data_dir DIR] [--SETTING VALUE ...]\n\n")
	if c == nil || err != nil {
		return err
	}
	base := server.PythonBase(*c)
	if _, err := base.Find(); err != nil {
		if _, err := fmt.Fprintf(stderr, "Making the Python environment in %s; this takes a minute.\n", base.Dir); err != nil {
			return err
		}
	}
	i, err := base.Setup(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "cloudify-common %s on Python %s is ready in %s\n", i.Common, i.Python, i.Dir)
	return err
}

// showPython is `reify python status [--SETTING VALUE ...]`.
func showPython(_ context.Context, args []string, stdout, _ io.Writer) error {
	c, err := pythonConfig(args, stdout, "Show the environment that Python plugins of a manager build on.\n\n"+
		"Usage: reify python status [--data_dir DIR] [--SETTING VALUE ...]\n\n")
	if c == nil || err != nil {
		return err
	}
	base := server.PythonBase(*c)
	i, err := base.Find()
	if err != nil {
		return fmt.Errorf("%w; make it with: %s", err, base.Advice)
	}
	_, err = fmt.Fprintf(stdout, "directory:        %s\ninterpreter:      %s\npython:           %s\ncloudify-common:  %s\nmade:             %s\n",
		i.Dir, i.Program, i.Python, i.Common, i.MadeAt.Format("2006-01-02 15:04:05 MST"))
	return err
}

// pythonConfig reads the settings; nil when only help was asked for, which it prints.
func pythonConfig(args []string, stdout io.Writer, help string) (*config.Config, error) {
	full := make([]string, 0, len(args))
	for _, arg := range args {
		name, value, isPair := strings.Cut(arg, "=")
		if long, ok := pythonFlags[name]; ok {
			arg = long
			if isPair {
				arg += "=" + value
			}
		}
		full = append(full, arg)
	}
	c, _, err := config.Load(full, os.Environ(), os.ReadFile)
	if errors.Is(err, config.ErrHelp) {
		if _, err := fmt.Fprint(stdout, help); err != nil {
			return nil, err
		}
		return nil, config.Usage(stdout)
	}
	if err != nil {
		return nil, cli.Usage(err)
	}
	return c, nil
}
