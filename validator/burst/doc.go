// Package burst remembers what voices measured of servers at common moments: its own voice's rows with what they rest on, and those
// that other voices tell. The arithmetic is mechanism/capacity's.
package burst
