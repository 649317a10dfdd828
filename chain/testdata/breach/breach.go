// Package breach breaks every rule of state-machine code, for the test that looks for breaches.
package breach

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"maps"
	"math/big"
	weak "math/rand"
	"net"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

type amount float64 // breach: float

type named map[string]int

func floats(share amount) int { // breach: float
	x := 1.5                   // breach: float
	return int(x) + int(share) // breach: float
}

func large(share *big.Float) int { // breach: float
	share = new(big.Float).SetInt64(3) // breach: float
	n, _ := share.Int64()              // breach: float
	return int(n)
}

func constants() int {
	const half = 0.5 // a constant is exact
	return 3 * (2 * half)
}

func clock(ctx context.Context) time.Duration {
	began := time.Now()                                  // breach: clock
	ask := time.Since                                    // breach: clock
	ctx, cancel := context.WithTimeout(ctx, time.Second) // breach: clock
	cancel()
	<-ctx.Done()
	return ask(began)
}

func randomness(b []byte) int {
	_, _ = rand.Read(b)      // breach: randomness
	var sum maphash.Hash     // breach: randomness
	_, _ = sum.Write(b)      // breach: randomness
	return weak.Intn(len(b)) // breach: randomness
}

func goroutines(c chan int) {
	go func() { c <- 1 }() // breach: goroutine
	select {               // breach: goroutine
	case <-c:
	default:
	}
}

func order(m named) (keys []string) {
	for key := range m { // breach: map range
		keys = append(keys, key)
	}
	for key := range maps.Keys(m) { // breach: map range
		keys = append(keys, key)
	}
	for _, key := range keys {
		delete(m, key)
	}
	var kept sync.Map                                 // breach: map range
	kept.Range(func(key, _ any) bool { return true }) // breach: map range
	return keys
}

func mirror(m any) (n int) {
	of := reflect.ValueOf(m) // breach: reflection
	for range of.MapKeys() { // breach: reflection
		n++
	}
	for rows := of.MapRange(); rows.Next(); { // breach: reflection
		n++
	}
	return n
}

func machine(at time.Time) int {
	_ = at.In(time.Local)                  // breach: environment
	_ = at.Local()                         // breach: environment
	_ = fmt.Sprintf("%p", &at)             // breach: environment
	_ = fmt.Sprintf("%[1]p of %[1]T", &at) // breach: environment
	_ = runtime.NumGoroutine()             // breach: environment
	_ = debug.Stack()                      // breach: environment
	_, _ = net.LookupHost("a")             // breach: environment
	_ = os.Getenv("HOME")                  // breach: environment
	_ = os.Args                            // breach: environment
	_ = syscall.Getpid()                   // breach: environment
	_ = unsafe.Pointer(&at)                // breach: environment
	return runtime.GOMAXPROCS(0)           // breach: environment
}

var _ = []any{floats, constants, clock, randomness, goroutines, order, machine, large, mirror}
