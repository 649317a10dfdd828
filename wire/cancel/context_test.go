package cancel

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = 20 * time.Second // for what must happen, on a machine that does much else

type named struct{} // a key of values

func under(parent context.Context) (context.Context, context.CancelFunc) {
	return new(Context).Under(parent)
}

// parents are contexts that never end, that end with one of this package, and that end with others.
var parents = map[string]func() (ctx context.Context, end func()){
	"none":           func() (context.Context, func()) { return context.Background(), nil },
	"ours":           func() (context.Context, func()) { return under(context.Background()) },
	"of the library": func() (context.Context, func()) { return context.WithCancel(context.Background()) },
	"with a value": func() (context.Context, func()) {
		ctx, end := under(context.Background())
		return context.WithValue(ctx, named{}, "b"), end
	},
	"one of the library's below ours": func() (context.Context, func()) {
		ctx, _ := under(context.Background())
		return context.WithCancel(ctx)
	},
	"ours below one of the library's": func() (context.Context, func()) {
		ctx, end := context.WithCancel(context.WithValue(context.Background(), named{}, "a"))
		ctx, _ = under(ctx)
		return ctx, end
	},
}

// TestContextKeepsTheContract holds contexts to what package context promises of them, before their end, at it and after it.
func TestContextKeepsTheContract(t *testing.T) {
	for name, parent := range parents {
		for _, byParent := range []bool{false, true} {
			above, end := parent()
			if end == nil && byParent {
				continue
			}
			ctx, cancel := under(context.WithValue(above, named{}, "value"))
			if !byParent {
				end = cancel
			}
			below, stop := under(ctx)
			theirs, stopTheirs := context.WithCancelCause(ctx)
			require.NoError(t, ctx.Err(), name)
			require.NoError(t, context.Cause(ctx), name)
			require.Equal(t, ctx.Done(), ctx.Done(), name)
			require.Equal(t, "value", ctx.Value(named{}), name)
			_, timed := ctx.Deadline()
			require.False(t, timed, name)
			select {
			case <-ctx.Done():
				require.Fail(t, "ended too early", name)
			default:
			}

			end()
			for _, c := range []context.Context{ctx, below} {
				require.Equal(t, context.Canceled, c.Err(), name) // at once
				require.Equal(t, context.Canceled, context.Cause(c), name)
				<-c.Done()
				require.Equal(t, c.Done(), c.Done(), name)
			}
			<-theirs.Done()
			require.Equal(t, context.Canceled, theirs.Err(), name)
			cancel()
			stop()
			stopTheirs(nil)
			require.Equal(t, context.Canceled, ctx.Err(), name)
			after, stopAfter := under(ctx)
			require.Equal(t, context.Canceled, after.Err(), "one that begins below an ended one")
			stopAfter()
		}
	}
}

// What ends above for another reason ends with that reason and cause.
func TestContextTellsTheReasonOfItsParent(t *testing.T) {
	why := errors.New("why")
	above, end := context.WithCancelCause(context.Background())
	ctx, cancel := under(above)
	defer cancel()
	end(why)
	require.Equal(t, context.Canceled, ctx.Err())
	require.Equal(t, why, context.Cause(ctx))

	above, stop := context.WithTimeout(context.Background(), 0)
	defer stop()
	ctx, cancel = under(above)
	defer cancel()
	require.Equal(t, context.DeadlineExceeded, ctx.Err())

	root, cancel := under(context.Background())
	defer cancel()
	timed, stop := context.WithTimeout(root, time.Millisecond)
	defer stop()
	<-timed.Done()
	require.Equal(t, context.DeadlineExceeded, timed.Err())
	require.NoError(t, root.Err())
}

// What ends below says nothing above or beside, and is forgotten there.
func TestContextEndsAlone(t *testing.T) {
	root, cancel := under(context.Background())
	defer cancel()
	var stops []func()
	for range 5 {
		_, stop := under(root)
		stops = append(stops, stop)
	}
	last, stop := under(root)
	defer stop()
	for _, i := range []int{2, 0, 4, 1, 3} { // in the middle, and at both ends
		stops[i]()
	}
	require.NoError(t, root.Err())
	require.NoError(t, last.Err())
	require.Equal(t, &last.(*Context).link, root.(*Context).hooks, "only the one that goes on")
	require.Nil(t, root.(*Context).hooks.next)
}

// afters are the ways to wait for a context.
var afters = map[string]func(ctx context.Context, f func()) (stop func() bool){
	"the library": context.AfterFunc,
	"a hook": func(ctx context.Context, f func()) func() bool {
		h := &Hook{}
		h.After(ctx, f)
		return h.Stop
	},
}

func TestFunctionRunsOnceAfterTheEnd(t *testing.T) {
	for way, after := range afters {
		for name, parent := range parents {
			above, _ := parent()
			ctx, cancel := under(above)
			ran := make(chan struct{})
			f := func() { close(ran) } // a second call would panic
			stopped := after(ctx, func() { t.Error("a function ran that was stopped: " + way + ", " + name) })
			require.True(t, stopped())
			require.False(t, stopped())
			stop := after(context.WithValue(ctx, named{}, 1), f)
			select {
			case <-ran:
				require.Fail(t, "a function ran before the end", "%s, %s", way, name)
			default:
			}
			cancel()
			<-ran
			require.False(t, stop())

			late := make(chan struct{})
			stop = after(ctx, func() { close(late) })
			<-late
			require.False(t, stop())
		}
	}
	require.True(t, afters["a hook"](context.Background(), nil)(), "of what never ends")
}

// A function whose stop says true never runs, and any other does once, whatever happens at the same time.
func TestEndAndStopMayRace(t *testing.T) {
	for range 300 {
		root, end := under(context.Background())
		ctx, cancel := under(root)
		var ran, all sync.WaitGroup
		var kept, told atomic.Int32
		begin := make(chan struct{})
		for i := range 8 {
			ran.Add(1)
			after := afters["a hook"]
			if i%2 == 0 {
				after = func(ctx context.Context, f func()) func() bool { return ctx.(*Context).AfterFunc(f) }
			}
			all.Go(func() {
				<-begin
				stop := after(ctx, func() { kept.Add(1); ran.Done() })
				if stop() {
					told.Add(1)
					ran.Done()
				}
				_, stopBelow := under(ctx)
				defer stopBelow()
				select {
				case <-ctx.Done():
					if ctx.Err() == nil {
						t.Error("done without an error")
					}
				default:
				}
			})
		}
		all.Go(func() { <-begin; cancel() })
		all.Go(func() { <-begin; end() })
		close(begin)
		all.Wait()
		ran.Wait()
		require.EqualValues(t, 8, kept.Load()+told.Load())
		require.Nil(t, root.(*Context).hooks)
		require.Nil(t, ctx.(*Context).hooks)
	}
}

// What waits for contexts of this package takes no goroutine until they end.
func TestWaitingTakesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for name, parent := range parents {
		above, end := parent()
		ctx, cancel := under(context.WithValue(above, named{}, 1))
		stop := afters["a hook"](context.WithValue(ctx, named{}, 2), func() {})
		if name == "ours" || name == "with a value" {
			require.LessOrEqual(t, runtime.NumGoroutine(), before, name)
		}
		stop()
		cancel()
		if end != nil {
			end()
		}
		for late := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			require.True(t, time.Now().Before(late), "a goroutine waits on: %s", name)
		}
	}
}

// TestNothingIsAllocated of what lies in memory that is there.
func TestNothingIsAllocated(t *testing.T) {
	type memory struct {
		root, below Context
		hook        Hook
	}
	f := func() {}
	all := testing.AllocsPerRun(100, func() {
		m := &memory{}
		root, end := m.root.Under(context.Background())
		below, cancel := m.below.Under(root)
		m.hook.After(below, f)
		m.hook.Stop()
		cancel()
		end()
	})
	require.LessOrEqual(t, all, 3.0, "the memory, and two functions that cancel")
}
