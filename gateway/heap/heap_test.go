package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// read is a number of the runtime's.
func read(name string) uint64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func TestALittleHeapIsCollectedSeldomAndALargeOneAsEver(t *testing.T) {
	require.Equal(t, 1600, percentage(0))
	require.Equal(t, 1600, percentage(4<<20))
	require.Equal(t, 800, percentage(8<<20))
	require.Equal(t, 200, percentage(32<<20))
	require.Equal(t, 100, percentage(64<<20))
	require.Equal(t, 100, percentage(1<<40))
}

func TestTheHeapHasRoomForAsLongAsLittleLives(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Cleanup(func() { debug.SetGCPercent(usual) })
	Roomy()
	goal := func(least, most uint64) func() bool {
		return func() bool {
			runtime.GC()
			at := read("/gc/heap/goal:bytes")
			return least <= at && at <= most
		}
	}
	require.Eventually(t, goal(Room, Room+16<<20), time.Minute, time.Millisecond)

	lives := make([]byte, 2*Room)
	require.Eventually(t, goal(4*Room, 4*Room+16<<20), time.Minute, time.Millisecond, "GOGC=100")
	runtime.KeepAlive(lives)

	require.Eventually(t, goal(Room, Room+16<<20), time.Minute, time.Millisecond, "it has room again")
}

func TestWhatTheUserHasSetStays(t *testing.T) {
	t.Setenv("GOGC", "50")
	before := read("/gc/gogc:percent")
	Roomy()
	require.Equal(t, before, read("/gc/gogc:percent"))
}
