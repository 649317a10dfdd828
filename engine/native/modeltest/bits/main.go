// Command bits prints the logits that a machine computes with the small models, by the kernels of one level, for a test that builds it
// for other processors: it imports little, so that little is compiled again.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"

	"agora/engine/native/gguf"
	"agora/engine/native/kernel"
	"agora/engine/native/model"
	"agora/engine/native/modeltest"
)

func main() {
	if len(os.Args) == 2 {
		if kernel.Use(os.Args[1]); kernel.Level() != os.Args[1] {
			fmt.Fprintf(os.Stderr, "bits: no level %s here; there are %v\n", os.Args[1], kernel.Levels())
			os.Exit(1)
		}
	}
	w := bufio.NewWriter(os.Stdout)
	for _, s := range modeltest.Shapes {
		if err := logits(w, s); err != nil {
			fmt.Fprintln(os.Stderr, "bits:", err)
			os.Exit(1)
		}
	}
	if w.Flush() != nil {
		os.Exit(1)
	}
}

// logits writes those after each of 200 tokens.
func logits(w *bufio.Writer, s modeltest.Shape) error {
	f, err := gguf.Parse(modeltest.Model(s))
	if err != nil {
		return err
	}
	m, err := model.FromGGUF(f)
	if err != nil {
		return err
	}
	r, seq := m.NewRunner(), m.NewSequence()
	for _, token := range modeltest.Text(200, 9) {
		out, err := r.Forward(model.Input{Sequence: seq, Tokens: []int32{token}, Logits: 1})
		if err != nil {
			return err
		}
		if err := binary.Write(w, binary.LittleEndian, out[0]); err != nil {
			return err
		}
	}
	return nil
}
