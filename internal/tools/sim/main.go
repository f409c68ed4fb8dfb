// Sim runs the simulation of package sim for many seeds.
//
//	go run ./internal/tools/sim --seeds 1000
//	go run ./internal/tools/sim --seeds 1 --seed 42 --verbose
//	go run ./internal/tools/sim --seeds 1000 --plant no-fence
//
// It ends with the number of seeds that passed and failed; a seed that failed is shown with the end of its log and fails
// in the same way when it is run again. With --plant a bug is planted and the first seed that finds it ends the run.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/sim"
)

var (
	seeds   = flag.Int("seeds", 1000, "number of seeds")
	first   = flag.Uint64("seed", 1, "first seed")
	plant   = flag.String("plant", "", "bug to plant: "+strings.Join(sim.Plants, ", "))
	verbose = flag.Bool("verbose", false, "print the whole log of every seed that fails, and of a single seed in any case")
	workers = flag.Int("workers", 2, "seeds that run at the same time")
)

func main() {
	flag.Parse()
	// The worlds are small and many: memory is cheaper than collecting it.
	debug.SetGCPercent(400)
	if *plant != "" && !slices.Contains(sim.Plants, *plant) {
		fmt.Fprintf(os.Stderr, "sim: --plant %s: known are %s\n", *plant, strings.Join(sim.Plants, ", "))
		os.Exit(2)
	}
	// A bubble of testing/synctest needs a test around it.
	all := func(string, string) (bool, error) { return true, nil }
	testing.Main(all, []testing.InternalTest{{Name: "sim", F: func(t *testing.T) { os.Exit(run(t)) }}}, nil, nil)
}

// run simulates all seeds and returns the exit code.
func run(t *testing.T) int {
	start := time.Now()
	var next, failed, steps atomic.Int64
	var mu sync.Mutex
	var group sync.WaitGroup
	for range *workers {
		group.Go(func() {
			for n := next.Add(1); n <= int64(*seeds); n = next.Add(1) {
				if *plant != "" && failed.Load() > 0 {
					return
				}
				seed := *first + uint64(n-1)
				r := sim.Check(t, sim.Options{Seed: seed, Plant: *plant})
				steps.Add(int64(r.Steps))
				mu.Lock()
				if r.Failure != "" {
					failed.Add(1)
				}
				show(seed, n, r)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	ran := min(next.Load()-1, int64(*seeds))
	fmt.Printf("%d events in %v\n", steps.Load(), time.Since(start).Round(time.Millisecond))
	fmt.Printf("%d passed, %d failed\n", ran-failed.Load(), failed.Load())
	if failed.Load() > 0 {
		return 1
	}
	return 0
}

func show(seed uint64, n int64, r sim.Result) {
	switch {
	case r.Failure == "" && *verbose && *seeds == 1:
		fmt.Println(r.Tail(len(r.Log)))
	case r.Failure == "" && n%100 == 0:
		fmt.Printf("%d seeds\n", n)
	case r.Failure == "":
	case *verbose:
		fmt.Printf("%s\nseed %d FAILED: %s\n", r.Tail(len(r.Log)), seed, r.Failure)
	default:
		fmt.Printf("%s\nseed %d FAILED: %s\nrepeat it with --seeds 1 --seed %d\n", r.Tail(40), seed, r.Failure, seed)
	}
}
