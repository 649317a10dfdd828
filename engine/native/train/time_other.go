//go:build !unix

package train

import "time"

var began = time.Now()

// processorSeconds is the time since the program began, where nothing better is known.
func processorSeconds() float64 { return time.Since(began).Seconds() }
