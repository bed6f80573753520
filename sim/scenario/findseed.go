//go:build ignore

// Findseed looks for the first seed whose run of INC-2847 has the incident's own
// numbers, as the comment on scenario.Seed says: go run sim/scenario/findseed.go
package main

import (
	"context"
	"fmt"
	"log"
	"runtime"
	"sync"

	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

func main() {
	const batch, most = 64, 10_000
	for from := uint64(1); from < most; from += batch {
		var wg sync.WaitGroup
		results := make([]*sim.Result, batch)
		free := make(chan struct{}, runtime.GOMAXPROCS(0))
		for i := range results {
			wg.Go(func() {
				free <- struct{}{}
				defer func() { <-free }()
				sc := scenario.INC2847()
				sc.Seed = from + uint64(i)
				r, err := scenario.Run(context.Background(), sc, scenario.Observers{})
				if err != nil {
					log.Fatal(err)
				}
				results[i] = r
			})
		}
		wg.Wait()
		for _, r := range results {
			if err := scenario.IsIncident(r); err == nil {
				fmt.Printf("%d: %d orders answered 502, pool full after %s\n", r.Seed, r.Orders.Answered502, r.PoolFullAfter)
				return
			}
		}
	}
	log.Fatal("no seed found")
}
