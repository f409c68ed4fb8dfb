package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/reifyhq/reify/internal/cli"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/inspect"
	"github.com/reifyhq/reify/internal/lsp"
)

func inspector() inspect.Inspector {
	return inspect.Inspector{HTTP: http.DefaultClient, Clock: clock.Real{}}
}

func validate(ctx context.Context, v cli.Validation, stdout io.Writer) (int, error) {
	return inspector().Validate(ctx, v.Paths, inspect.Format(v.Format), stdout)
}

func graph(ctx context.Context, d cli.Drawing, w io.Writer) error {
	return inspector().Graph(ctx, d.Path, inspect.Drawing(d.Format), w)
}

func explain(ctx context.Context, e cli.Explanation, w io.Writer) error {
	return inspector().Explain(ctx, e.Path, e.Node, e.JSON, w)
}

func languageServer(ctx context.Context, in io.Reader, out, log io.Writer) error {
	o := lsp.Options{In: in, Out: out, Log: log, Clock: clock.Real{}, HTTP: http.DefaultClient, Version: programVersion()}
	if cache, err := os.UserCacheDir(); err == nil {
		o.BuiltInDir = filepath.Join(cache, "reify", "types")
	}
	return lsp.New(o).Run(ctx)
}
