package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"agora/engine/native/llm"
	"agora/validator/audit"
	"agora/validator/exam"
)

// proven is what `agora verify` finds of a proof.
type proven struct {
	Valid      bool   `json:"valid"`
	Problem    string `json:"problem,omitempty"`
	SignedBy   string `json:"signed_by"`
	ChainID    string `json:"chain_id"`
	NetUID     uint32 `json:"netuid"`
	UID        uint32 `json:"uid"`
	Registered uint64 `json:"registered"`
	Model      string `json:"model"`
	Replayed   bool   `json:"replayed"` // the model was run
}

// proofIn is a proof, or the first of a list of them.
func proofIn(text []byte) (p audit.Proof, ok bool) {
	if list, err := audit.ParseProofs(text); err == nil && len(list) > 0 {
		return list[0], true
	}
	return p, json.Unmarshal(text, &p) == nil && p.Claims[0].Receipt != ""
}

// verifyProof checks a proof, with the model where its file is given.
func verifyProof(cmd *cobra.Command, asJSON bool, p audit.Proof, model string) error {
	found := proven{SignedBy: p.HotKey}
	s, err := p.Open("")
	if err == nil {
		r := s.Answers[0].Receipt
		found.ChainID, found.NetUID, found.UID, found.Registered, found.Model = r.ChainID, r.Netuid, r.UID, r.Registered, exam.SpellDigest(r.Digest)
		if model != "" {
			found.Replayed = true
			err = replayProof(cmd, s, model)
		}
	}
	found.Valid = err == nil
	if err != nil {
		found.Problem = err.Error()
	}
	out := cmd.OutOrStdout()
	if asJSON {
		text, _ := json.MarshalIndent(found, "", "  ") // numbers and texts always marshal
		fmt.Fprintln(out, string(text))
	} else if err == nil {
		said := "it was not run again: give its file with --model"
		if found.Replayed {
			said = "it was run again and says neither"
		}
		fmt.Fprintf(out, "valid\nsigned by  %s, uid %d of subnet %d on %s, there since block %d\nanswers    2, signed as those of one model\nmodel      %s: %s\n",
			found.SignedBy, found.UID, found.NetUID, found.ChainID, found.Registered, found.Model, said)
	}
	if err != nil {
		return errors.Join(errors.New("the proof does not hold"), err)
	}
	return nil
}

// replayProof runs a model's file on the answers.
func replayProof(cmd *cobra.Command, s *audit.Shown, path string) (err error) {
	e, err := llm.Open(path, llm.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if got, want := e.Info().Digest, exam.SpellDigest(s.Digest); got != want {
		return fmt.Errorf("%s is another model: its digest is %s, the proof names %s", path, got, want)
	}
	return s.Check(cmd.Context(), e)
}
