package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"agora/gateway"
	"agora/gateway/receipts"
	"agora/wire"
	"agora/wire/receipt"
)

// maxVerified bounds the files that agora verify reads, in bytes.
const maxVerified = 64 << 20

// verified is what agora verify finds.
type verified struct {
	Valid      bool   `json:"valid"`
	Problem    string `json:"problem,omitempty"`
	SignedBy   string `json:"signed_by"`
	ChainID    string `json:"chain_id"`
	NetUID     uint32 `json:"netuid"`
	UID        uint32 `json:"uid"`
	Registered uint64 `json:"registered"`
	Voice      string `json:"voice"`
	Model      string `json:"model"`
	Engine     string `json:"engine"`
	Prompt     uint32 `json:"prompt_tokens"`
	Completion uint32 `json:"completion_tokens"`
	Request    string `json:"request"` // "the one given", "not given"
	Answer     string `json:"answer"`
}

func verifyCommand() *cobra.Command {
	var request, answer, model string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check the signed receipt of an answer, or a proof that a server lied, offline",
		Long: "FILE is what GET /v1/receipts/NAME of the gateway gives, NAME being the answer's x-agora-receipt; - reads standard input.\n" +
			"With --request and --answer, the bodies as they were sent and received, it checks that the receipt is for these.\n\n" +
			"A receipt proves that the holder of the miner's hot key signed this answer to this request as the named model's, to this\n" +
			"validator, once. It does not prove that the model said it: validators audit that by running the model again.\n" +
			"FILE may be a proof too, one of those that GET /v1/proofs/NETUID of a validator lists: two answers of one server. Without\n" +
			"--model it is checked that the server signed them; with the model's file, that the model does not say that.\n\n" +
			"The exit code is 1 where anything does not hold.",
		Example: "  curl -s $GATEWAY/v1/receipts/$NAME | agora verify - --request body.json --answer answer.json\n" +
			"  curl -s $GATEWAY/v1/proofs/1 | jq .proofs[0] | agora verify - --model model.gguf",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var record receipts.Record
			text, err := readFile(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			if proof, ok := proofIn(text); ok {
				return verifyProof(cmd, asJSON, proof, model)
			}
			if err := json.Unmarshal(text, &record); err != nil || record.Signed == "" {
				return fmt.Errorf("%s is no receipt: it must be the JSON that GET /v1/receipts/NAME gives, or a proof of those that GET /v1/proofs/NETUID lists", args[0])
			}
			bodies := [2][]byte{}
			for i, path := range []string{request, answer} {
				if path == "" {
					continue
				}
				if bodies[i], err = readFile(cmd.InOrStdin(), path); err != nil {
					return err
				}
			}
			return showVerified(cmd, asJSON, record, bodies[0], bodies[1])
		},
	}
	f := cmd.Flags()
	f.StringVar(&request, "request", "", "file with the request's body as it was sent")
	f.StringVar(&answer, "answer", "", "file with the answer's body as it came, whole or a stream")
	f.StringVar(&model, "model", "", "file of the model that a proof names, to run it again")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func readFile(in io.Reader, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(in, maxVerified))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxVerified))
}

func showVerified(cmd *cobra.Command, asJSON bool, record receipts.Record, request, answer []byte) error {
	r, err := gateway.Verify(record, request, answer)
	v := verified{
		Valid: err == nil, SignedBy: record.HotKey, ChainID: r.ChainID, NetUID: r.Netuid, UID: r.UID, Registered: r.Registered,
		Voice: wire.PeerID(r.Voice[:]), Model: modelName(&r), Engine: r.Engine + " " + r.Version, Prompt: r.Prompt, Completion: r.Completion,
		Request: wasGiven(request), Answer: wasGiven(answer),
	}
	if err != nil {
		v.Problem = err.Error()
	}
	out := cmd.OutOrStdout()
	if asJSON {
		text, _ := json.MarshalIndent(v, "", "  ") // numbers and texts always marshal
		fmt.Fprintln(out, string(text))
	} else if err == nil {
		fmt.Fprintf(out, "valid\nsigned by  %s, uid %d of subnet %d on %s, there since block %d\nfor        validator %s\nmodel      %s on engine %s\ntokens     %d read, %d written\nrequest    %s\nanswer     %s\n",
			v.SignedBy, v.UID, v.NetUID, v.ChainID, v.Registered, v.Voice, v.Model, v.Engine, v.Prompt, v.Completion, v.Request, v.Answer)
	}
	if err != nil {
		return errors.Join(errors.New("the receipt does not hold"), err)
	}
	return nil
}

func wasGiven(body []byte) string {
	if body == nil {
		return "not given, not checked"
	}
	return "the one given"
}

func modelName(r *receipt.Receipt) string {
	if r.Digest == [32]byte{} {
		return "not told"
	}
	return "sha256:" + hex.EncodeToString(r.Digest[:])
}
