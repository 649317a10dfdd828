// Command bits prints what a machine computes of many epochs, for a test that builds it for other processors: it imports little, so
// that little is compiled again.
package main

import (
	"bufio"
	"os"

	"agora/study/draw"
)

func main() {
	w := bufio.NewWriter(os.Stdout)
	draw.Results(w)
	if w.Flush() != nil || !draw.WorkersAgree() {
		os.Exit(1)
	}
}
