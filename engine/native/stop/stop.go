// Package stop ends an answer before the first of its stop strings.
package stop

import (
	"strings"

	"agora/engine"
)

// Cutter passes tokens on and ends the answer before the first stop string, which may begin inside one token and end
// in another: tokens that could begin a stop are held back until that is decided.
type Cutter struct {
	stop []string
	emit func(engine.Token) error
	held []engine.Token
	text string // of the held tokens
	at   string // the stop string that ended the answer
}

// New passes tokens to emit, up to the first of the stop strings.
func New(stop []string, emit func(engine.Token) error) *Cutter {
	return &Cutter{stop: stop, emit: emit}
}

// Add takes the next token; stopped means that a stop string is complete and what came before it has been emitted.
func (c *Cutter) Add(t engine.Token) (stopped bool, err error) {
	if len(c.stop) == 0 {
		return false, c.emit(t)
	}
	c.held, c.text = append(c.held, t), c.text+string(t.Bytes)
	if at, which := c.first(); at >= 0 {
		c.at = which
		return true, c.release(at, true)
	}
	return false, c.release(len(c.text)-c.open(), false)
}

// At is the stop string that ended the answer, empty where none did.
func (c *Cutter) At() string { return c.at }

// first is where the earliest stop string begins in the held text, and which it is: of several the one that the request names first.
// It is -1 where there is none.
func (c *Cutter) first() (first int, which string) {
	first = -1
	for _, s := range c.stop {
		if at := strings.Index(c.text, s); at >= 0 && (first < 0 || at < first) {
			first, which = at, s
		}
	}
	return first, which
}

// open is the length of the longest end of the held text that begins a stop string.
func (c *Cutter) open() int {
	longest := 0
	for _, s := range c.stop {
		for n := min(len(s)-1, len(c.text)); n > longest; n-- {
			if strings.HasSuffix(c.text, s[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// release emits the held tokens that lie in the first n bytes; with cut, also the part of the one across that border.
func (c *Cutter) release(n int, cut bool) error {
	for len(c.held) > 0 {
		t := c.held[0]
		if len(t.Bytes) > n {
			if !cut || n == 0 {
				return nil
			}
			t.Bytes = t.Bytes[:n]
		}
		c.held, c.text, n = c.held[1:], c.text[len(t.Bytes):], n-len(t.Bytes)
		if err := c.emit(t); err != nil {
			return err
		}
		if cut && n == 0 {
			return nil
		}
	}
	return nil
}

// Flush emits what is held: the answer ended without a stop string.
func (c *Cutter) Flush() error { return c.release(len(c.text), false) }
