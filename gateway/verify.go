package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"agora/gateway/receipts"
	"agora/wire"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// Verify checks a kept receipt without asking anybody: its signature, and where they are given (not nil) that it is for
// this request as its consumer sent it, and for this answer as its consumer got it, whole or as a stream. The error says
// what does not hold.
func Verify(record receipts.Record, request, answer []byte) (receipt.Receipt, error) {
	key, err := wire.ParsePeerID(record.HotKey)
	if err != nil {
		return receipt.Receipt{}, err
	}
	r, err := receipt.Open(record.Signed, key)
	if err != nil {
		return r, err
	}
	if request != nil && r.Request != receipt.RequestHash(r.Nonce, AsStream(request)) {
		return r, fmt.Errorf("%w: it was signed for another request", receipt.ErrBinding)
	}
	if answer == nil {
		return r, nil
	}
	choices, err := choicesOf(answer)
	if err != nil {
		return r, err
	}
	if r.Answer != receipt.AnswerHash(choices) {
		return r, fmt.Errorf("%w: it was signed for another answer", receipt.ErrBinding)
	}
	return r, nil
}

// choicesOf reads an answer as a consumer kept it.
func choicesOf(answer []byte) ([]receipt.Choice, error) {
	var r receipt.Reader
	answer = bytes.TrimSpace(answer)
	if bytes.HasPrefix(answer, []byte("{")) {
		if err := r.Whole(answer); err != nil {
			return nil, err
		}
		return r.Choices()
	}
	events := openai.StreamOf(answer, 1<<20)
	for {
		c, err := events.Next()
		switch {
		case err == io.EOF:
			return r.Choices()
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%w: the stream ends before the answer does", receipt.ErrAnswer)
		case err != nil:
			return nil, err
		case c.Comment:
			continue
		}
		if err := r.Chunk(c.Data); err != nil {
			return nil, err
		}
	}
}
