// Command load measures the REST API of a manager that holds much: 1,000,000 node instances and 100,000 labelled
// deployments. It needs the programs in bin (make build) and wrk (make setup), fills a database of its own, drives the
// manager on this machine only, prints its figures and leaves nothing behind.
//
//	go run ./internal/tools/load [--instances N] [--deployments N] [--seconds N] [--keep DIR]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

type options struct {
	instances, deployments, seconds int
	keep                            string
}

func main() {
	var o options
	flag.IntVar(&o.instances, "instances", 1_000_000, "node instances in the database")
	flag.IntVar(&o.deployments, "deployments", 100_000, "deployments in the database")
	flag.IntVar(&o.seconds, "seconds", 10, "how long each load lasts")
	flag.StringVar(&o.keep, "keep", "", "directory to fill and keep, or to use again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk is not there; make setup installs it")
	}
	program, err := filepath.Abs("bin/reify")
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		return errors.New("bin/reify is not there; run make build first")
	}
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "reify-load-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	// The first start makes the administrator and the schema.
	m, err := start(ctx, program, dir)
	if err != nil {
		return err
	}
	if err := m.stop(); err != nil {
		return err
	}
	began := time.Now()
	if err := fill(ctx, filepath.Join(dir, "reify.db"), o); err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	fmt.Printf("%d node instances and %d deployments, ready after %v\n", o.instances, o.deployments, time.Since(began).Round(time.Second))
	if m, err = start(ctx, program, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	return m.measure(ctx, o)
}
