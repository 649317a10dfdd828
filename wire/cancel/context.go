// Package cancel has contexts that lie in the memory of what they are for, and functions that wait for one to end without memory of
// their own: a request at a gateway needs three of the one kind and two of the other.
package cancel

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Context is a context.Context once Under has begun it. It is begun once, and not copied.
type Context struct {
	parent context.Context // whose values and deadline it has
	link   Hook            // by which the parent ends it
	over   atomic.Bool     // err is set

	mu    sync.Mutex // guards what follows, and all hooks in the list; the parent's is taken before it
	err   error
	done  chan struct{} // nil until somebody asks for it
	hooks *Hook         // a list
}

// Under begins the context below a parent, as context.WithCancel does. Below one that ends with none of this package it is that.
func (c *Context) Under(parent context.Context) (context.Context, context.CancelFunc) {
	above, ends := of(parent)
	if above == nil && ends {
		return context.WithCancel(parent)
	}
	c.parent = parent
	if above != nil {
		c.link.ends = c
		c.link.join(above)
	}
	return c, c.cancel
}

// itself is the key by which a Context is found under contexts that only add values.
var itself int

// of is the Context with which another ends. Without one, ends says whether it does at all.
func of(ctx context.Context) (c *Context, ends bool) {
	if c, ok := ctx.(*Context); ok {
		return c, true
	}
	done := ctx.Done()
	if done == nil {
		return nil, false
	}
	if c, _ = ctx.Value(&itself).(*Context); c != nil && c.Done() != done {
		c = nil
	}
	return c, true
}

// Deadline is the parent's.
func (c *Context) Deadline() (time.Time, bool) { return c.parent.Deadline() }

// Value is the parent's.
func (c *Context) Value(key any) any {
	if key == &itself {
		return c
	}
	return c.parent.Value(key)
}

// Done is closed when the context ends.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
	}
	return c.done
}

// Err is context.Canceled, or the parent's error, once the context has ended.
func (c *Context) Err() error {
	if !c.over.Load() {
		return nil
	}
	c.mu.Lock() // until Done is closed
	defer c.mu.Unlock()
	return c.err
}

// AfterFunc is what context.AfterFunc and contexts of other kinds call.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	h := &Hook{}
	h.After(c, f)
	return h.Stop
}

func (c *Context) cancel() {
	c.end(context.Canceled)
	c.link.Stop()
}

var ended = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// end ends the context for a reason, and all below it before it returns.
func (c *Context) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	c.over.Store(true)
	if c.done == nil {
		c.done = ended
	} else {
		close(c.done)
	}
	for h := c.hooks; h != nil; h = h.next {
		h.waits = false
		h.run(err)
	}
	c.hooks = nil
}

// Hook is a function that waits for a context to end. The zero value is ready, for one use.
type Hook struct {
	f     func()   // runs in a goroutine of its own
	ends  *Context // at once, in the place of f
	of    *Context // nil where other is set
	other func() bool

	waits      bool // and is in the list
	prev, next *Hook
}

// After arranges for f to be called once ctx has ended, as context.AfterFunc does.
func (h *Hook) After(ctx context.Context, f func()) {
	c, _ := of(ctx)
	if c == nil {
		h.other = context.AfterFunc(ctx, f)
		return
	}
	h.f = f
	h.join(c)
}

// Stop lets f wait no longer. False says that it runs or has run, or was stopped before.
func (h *Hook) Stop() bool {
	if h.other != nil {
		return h.other()
	}
	if h.of == nil {
		return false
	}
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if !h.waits {
		return false
	}
	h.waits = false
	if h.prev != nil {
		h.prev.next = h.next
	} else {
		h.of.hooks = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	}
	return true
}

// join lets a hook wait for c.
func (h *Hook) join(c *Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.of = c
	if c.err != nil {
		h.run(c.err)
		return
	}
	h.waits, h.next = true, c.hooks
	if h.next != nil {
		h.next.prev = h
	}
	c.hooks = h
}

func (h *Hook) run(err error) {
	if h.ends != nil {
		h.ends.end(err)
		return
	}
	go h.f() // as long as its caller lets it
}
