package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"agora/mechanism/frontier"
	"agora/validator/exam"
	"agora/wire"
)

// ResultsPath is where a validator tells what it found out about a model, signed by its voice: ResultsPath + netuid + "/" + digest.
const ResultsPath = "/v1/results/"

const (
	resultsDomain = "agora/results/v1\x00"
	maxResults    = 2 << 20 // bytes: 720 tempos of 96 items at 8 bytes are 0.6 MB
	resultsWithin = 20 * time.Second
)

// findings are what is told of one model: every score that this validator computed itself in the latest tempos.
type findings struct {
	ChainID string       `json:"chain_id"`
	NetUID  uint32       `json:"netuid"`
	Digest  string       `json:"digest"`
	Tempos  []exam.Tempo `json:"tempos"` // newest first
}

// ServeResults answers GET ResultsPath + netuid + "/" + digest. The signature in the header is the voice's, of the body.
func (v *Validator) ServeResults(w http.ResponseWriter, r *http.Request) {
	number, spelled, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, ResultsPath), "/")
	netuid, err := strconv.ParseUint(number, 10, 32)
	digest, ok := exam.ParseDigest(spelled)
	course := v.Course(uint32(netuid))
	if err != nil || !ok || course == nil {
		http.Error(w, `{"error":"no model of this digest is examined in a subnet with this number here"}`, http.StatusNotFound)
		return
	}
	tempos, err := course.Tempos(digest, exam.Backlog)
	if err != nil {
		v.cfg.Log.Warn("results cannot be told", "netuid", netuid, "err", err)
		http.Error(w, `{"error":"the results cannot be read now"}`, http.StatusServiceUnavailable)
		return
	}
	body, err := json.Marshal(findings{v.cfg.Client.ChainID(), uint32(netuid), spelled, tempos})
	if err != nil { // texts and numbers always marshal
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(SignatureHeader, v.sign(resultsDomain, body))
	_, _ = w.Write(body) // whoever left needs no answer
}

// others are the other voices of a validator's subnets.
type others struct{ *Validator }

// Results implements exam.Others.
func (v others) Results(ctx context.Context, netuid uint32, digest [32]byte) (told []exam.Told, total uint64, err error) {
	m := v.directory.market(netuid)
	if m == nil {
		return nil, 0, fmt.Errorf("subnet %d is not served", netuid)
	}
	ctx, cancel := context.WithTimeout(ctx, resultsWithin)
	defer cancel()
	client, list := v.asksOthers(), make([]exam.Told, len(m.peers))
	var asks sync.WaitGroup
	for i, p := range m.peers {
		asks.Go(func() {
			tempos, err := v.resultsOf(ctx, client, p, netuid, exam.SpellDigest(digest))
			if err != nil {
				v.cfg.Log.Debug("a validator does not tell what it found out", "netuid", netuid, "gateway", p.gateway, "err", err)
				return
			}
			list[i] = exam.Told{Voice: wire.PeerID(p.key), Stake: p.stake, Tempos: tempos}
		})
	}
	asks.Wait()
	return slices.DeleteFunc(list, func(t exam.Told) bool { return t.Voice == "" }), m.total, nil
}

// resultsOf asks one validator.
func (v *Validator) resultsOf(ctx context.Context, client *http.Client, p peer, netuid uint32, digest string) ([]exam.Tempo, error) {
	body, signature, err := toldBy(ctx, client, p, fmt.Sprintf("%s%d/%s", ResultsPath, netuid, digest), maxResults)
	if err != nil {
		return nil, err
	}
	if !signed(resultsDomain, body, signature, p.key) {
		return nil, errResults
	}
	return readResults(body, v.cfg.Client.ChainID(), netuid, digest)
}

var errResults = errors.New("validator: not the results of that model that the voice signed")

// readResults holds what a voice has signed to what was asked for and to its bounds.
func readResults(body []byte, chainID string, netuid uint32, digest string) ([]exam.Tempo, error) {
	var r findings
	if err := json.Unmarshal(body, &r); err != nil || r.ChainID != chainID || r.NetUID != netuid || r.Digest != digest || len(r.Tempos) > exam.Backlog {
		return nil, errResults
	}
	for _, t := range r.Tempos {
		if len(t.Scores) == 0 || slices.Max(t.Scores) > frontier.Whole {
			return nil, errResults
		}
	}
	return r.Tempos, nil
}
