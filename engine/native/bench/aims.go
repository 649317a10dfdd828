package main

import (
	"errors"
	"fmt"
	"strings"
)

// bound is what a figure may be at most.
type bound struct {
	file, what string // a part of the file's name in lower case, and the figure's name
	most       float64
}

// aims are those of docs/engine.md: times as parts of llama.cpp's, seconds, differences of log-probabilities, and texts cut otherwise.
var aims = []bound{
	{"as q4_0", "decode", 0.70},
	{"as q4_0", "prefill 512", 0.70},
	{"smollm2", "decode", 0.60},
	{"smollm2", "prefill 512", 0.35},
	{"smollm2", "8 together", 0.33},
	{"smollm2", "checking a token, ms", 1e3 / 300.},
	{"gemma", "decode", 0.80},
	{"", "loading, s", 0.5},
	{"", "portable decode, of vectors", 7},
	{"", "log-probabilities to llama.cpp", 0.05},
	{"", "log-probabilities to float32, of llama.cpp's", 1.1},
	{"", "texts cut otherwise", 0},
}

// missed are the figures above their bounds so far.
var missed []error

// hold compares a figure of a file with its bound, if it has one.
func hold(file, what string, is float64) {
	for _, b := range aims {
		if b.what == what && strings.Contains(strings.ToLower(file), b.file) {
			if !(is <= b.most) { // NaN is above every bound
				missed = append(missed, fmt.Errorf("%s, %s: %.3g, and %.3g is the aim", file, what, is, b.most))
			}
			return
		}
	}
}

// verdict is an error that names what was missed, where -check asks for it.
func verdict() error {
	if len(missed) == 0 {
		fmt.Println("\nevery aim is met")
		return nil
	}
	err := errors.Join(missed...)
	fmt.Printf("\nabove the aim:\n%v\n", err)
	if *check {
		return fmt.Errorf("%d aims are missed", len(missed))
	}
	return nil
}
