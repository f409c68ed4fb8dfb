package sim_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/reifyhq/reify/internal/sim"
)

var (
	seeds = flag.Int("seeds", 100, "number of seeds to simulate")
	first = flag.Uint64("seed", 1, "first seed")
)

// TestSeeds runs engine, store, bus and executors under random faults.
func TestSeeds(t *testing.T) {
	t.Parallel()
	for n := range *seeds {
		seed := *first + uint64(n)
		r := sim.Check(t, sim.Options{Seed: seed})
		if r.Failure != "" {
			t.Errorf("seed %d: %s\n%s\nrepeat it with: go run ./internal/tools/sim --seeds 1 --seed %d", seed, r.Failure, r.Tail(60), seed)
			return
		}
	}
}

// TestDeterminism runs seeds twice: the logs must be the same, line by line.
func TestDeterminism(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 187, 408, 1246, 1598} {
		one, two := sim.Run(t, sim.Options{Seed: seed}), sim.Run(t, sim.Options{Seed: seed})
		if !slices.Equal(one.Log, two.Log) {
			t.Fatalf("seed %d: %s", seed, difference(one.Log, two.Log))
		}
	}
}

func difference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d of the log is\n%s\nand then\n%s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("the logs have %d and %d lines", len(a), len(b))
}

// TestPlants plants one bug after the other: each must be found within few seeds.
func TestPlants(t *testing.T) {
	t.Parallel()
	for _, plant := range sim.Plants {
		t.Run(plant, func(t *testing.T) {
			for seed := uint64(1); seed <= 40; seed++ {
				if sim.Run(t, sim.Options{Seed: seed, Plant: plant}).Failure != "" {
					return
				}
			}
			t.Error("nobody noticed")
		})
	}
}
