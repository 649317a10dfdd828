package modeltest

import "runtime/metrics"

// Allocated is how many bytes this process has allocated so far, to some 100 kB.
func Allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
