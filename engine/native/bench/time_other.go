//go:build !unix

package main

import "time"

var start0 = time.Now()

// processor is wall time where there is no better clock.
func processor() float64 { return time.Since(start0).Seconds() }
