// Command cmd makes the native chat models: the vocabulary once, then every rung of the ladder, measured on
// questions that it has never seen. Its output is the folder that the engine embeds.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"agora/engine/native/train"
)

func main() {
	var o train.Options
	flag.StringVar(&o.Dir, "out", "engine/native/chat/weights", "folder for vocabulary, weights and cards")
	only := flag.String("only", "", "comma-separated names of the rungs to train; all by default")
	flag.BoolVar(&o.Vocabulary, "vocabulary", false, "make the vocabulary anew; every model must be trained again after that")
	flag.BoolVar(&o.MeasureOnly, "measure", false, "measure the models that are there, train nothing")
	flag.IntVar(&o.Questions, "questions", 2800, "held-out questions to measure a model with, at least 1000")
	flag.Parse()
	o.Only = strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	if err := train.Make(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}
