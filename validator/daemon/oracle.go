package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"agora/engine"
	"agora/engine/command"
	"agora/engine/native"
	"agora/engine/native/batch"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/store"
	"agora/gateway"
	"agora/mechanism/score"
	"agora/validator"
	"agora/validator/oracle"
)

const (
	askTries    = 3       // miners of a subnet that are asked one after the other
	askAnswer   = 1 << 20 // bytes of an answer that are read
	askContext  = 4096    // tokens of a judge model's question and answer
	chatPath    = "/v1/chat/completions"
	listensPath = "/v1/audio/transcriptions"
	noWords     = `{"choices":[{"message":{"content":""}}]}` // what is said to a question that cannot be answered
)

// judgeModel loads a judge model: one that ships, or one of the store.
func judgeModel(dir string) func(digest string) (engine.Engine, error) {
	return func(digest string) (engine.Engine, error) {
		if _, ships := ladder.Named(digest); ships {
			return ladder.Open(digest, llm.Options{Batch: batch.Options{Kept: 1}})
		}
		models, err := store.Open(dir)
		if err != nil {
			return nil, err
		}
		e, err := models.FindDigest(digest)
		if err != nil {
			return nil, fmt.Errorf("%w: get the judge model with `agora model get %s`", err, digest)
		}
		return native.Open(e.Name, models, llm.Options{Context: askContext, Batch: batch.Options{Kept: 1}})
	}
}

// askProgram has a program of this machine answer: speech in a request is written down, its text is the words that may be said.
func askProgram(ctx context.Context, name string, request []byte) (string, error) {
	wav, hint, is := oracle.Speech(request)
	if name != "pocketsphinx" || !is {
		return "", fmt.Errorf("there is no program %s that answers this: pocketsphinx writes down speech", name)
	}
	return command.Hear(ctx, wav, strings.Fields(hint))
}

// askSubnet asks the best connected miners of a subnet, one after the other until one answers.
func (d *Daemon) askSubnet(ctx context.Context, netuid uint32, request []byte) ([]byte, error) {
	path, body, kind := chatPath, request, ""
	if form, contentType, is := oracle.Form(request); is {
		path, body, kind = listensPath, form, contentType
	}
	weight := map[uint16]score.Standing{}
	for _, s := range d.judge.Scores(netuid) {
		weight[s.UID] = s
	}
	miners := slices.DeleteFunc(d.judge.Miners(netuid), func(m validator.Miner) bool { return !m.Connected })
	slices.SortFunc(miners, func(a, b validator.Miner) int {
		return cmp.Or(cmp.Compare(weight[uint16(b.UID)].Weight, weight[uint16(a.UID)].Weight), cmp.Compare(a.UID, b.UID))
	})
	errs := []error{errors.New("no miner answers")}
	for _, m := range miners[:min(len(miners), askTries)] {
		r := gateway.Request(ctx, path, body, gateway.Nonce([8]byte{}))
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		answer, err := answered(d.judge.Way(netuid, m).RoundTrip(r))
		if err == nil {
			return answer, nil
		}
		errs = append(errs, fmt.Errorf("uid %d: %w", m.UID, err))
	}
	return nil, errors.Join(errs...)
}

// answered reads a whole answer.
func answered(resp *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, askAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusRequestEntityTooLarge:
		return []byte(noWords), nil
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answered %s", resp.Status)
	case len(body) > askAnswer:
		return nil, errors.New("its answer is too long")
	}
	return body, nil
}
