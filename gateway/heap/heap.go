// Package heap says how often a program that serves requests, a gateway's or a miner's, collects garbage.
package heap

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Room is how many bytes at least such a program allocates between two collections.
const Room = 64 << 20

const (
	usual = 100     // percent of what is marked that Go lets a program allocate between two collections
	least = 4 << 20 // bytes that a heap grows to before it is collected, at the usual percentage; at a multiple of that, so many times more
	step  = 10      // percent; smaller changes are not made
)

// Roomy lets at least Room bytes be allocated between two collections for as long as the program runs: where little lives and much goes,
// Go collects every few megabytes. With Room marked or more nothing changes, so a heap grows by less than Room beyond what it would. GOGC
// goes before it, where the user has set that, and GOMEMLIMIT holds as ever. It is called once.
func Roomy() {
	if os.Getenv("GOGC") == "" {
		(&keeper{percent: usual}).keep()
	}
}

// keeper chooses the percentage anew after every collection. Its calls follow one another.
type keeper struct{ percent int }

func (k *keeper) keep() {
	all := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(all)
	var marked uint64
	for _, one := range all {
		marked += one.Value.Uint64()
	}
	if p := percentage(marked); p/step != k.percent/step {
		k.percent = p
		debug.SetGCPercent(p)
	}
	runtime.AddCleanup(new(*keeper), (*keeper).keep, k) // nothing holds that pointer, so it is gone with the next collection
}

// percentage is what lets Room bytes be allocated where so many are marked.
func percentage(marked uint64) int {
	return max(usual, int(usual*Room/max(marked, least)))
}
