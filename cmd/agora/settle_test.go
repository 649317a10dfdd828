package main

import (
	"context"
	"errors"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Another program that sends with the same key takes the sequence: what was refused for it is signed again, anything else is not.
func TestWhatAnotherProgramOvertookIsSentAgain(t *testing.T) {
	mismatch := errors.New("account sequence mismatch, expected 15, got 14: incorrect account sequence")
	for name, c := range map[string]struct {
		first error
		got   *sdk.TxResponse
		turns int
		runs  int
	}{
		"overtaken before it was sent": {first: mismatch, turns: sendTurns, runs: 2},
		"overtaken at the node":        {got: &sdk.TxResponse{Codespace: "sdk", Code: 32}, turns: sendTurns, runs: 2},
		"with a sequence of its own":   {first: mismatch, turns: 1, runs: 1},
		"refused for another reason":   {first: errors.New("insufficient funds"), turns: sendTurns, runs: 1},
		"taken":                        {got: &sdk.TxResponse{TxHash: "AB"}, turns: sendTurns, runs: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			r := &reply{turns: c.turns}
			err := r.send(t.Context(), func() error {
				if runs++; runs > 1 {
					r.got = &sdk.TxResponse{TxHash: "CD"}
					return nil
				}
				r.got = c.got
				return c.first
			})
			if runs != c.runs {
				t.Errorf("sent %d times, want %d", runs, c.runs)
			}
			if again := runs > 1; again && (err != nil || r.got.TxHash != "CD") || !again && !errors.Is(err, c.first) {
				t.Errorf("%v, %v", err, r.got)
			}
		})
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := (&reply{turns: sendTurns}).send(ended, func() error { return mismatch }); !errors.Is(err, mismatch) {
		t.Errorf("after Ctrl-C: %v", err)
	}
}
