package miner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Outcomes count the requests of one kind since the server started.
type Outcomes struct {
	Served    uint64 `json:"served"`
	Declined  uint64 `json:"declined"`  // refused for what they ask (4xx but 429)
	Refused   uint64 `json:"refused"`   // turned away, no place being free (429)
	Away      uint64 `json:"away"`      // turned away, the backend being away (503)
	Failed    uint64 `json:"failed"`    // 5xx, or broken off
	Cancelled uint64 `json:"cancelled"` // left by who asked
}

func (o Outcomes) String() string {
	var list []string
	for _, part := range []struct {
		n    uint64
		what string
	}{
		{o.Served, "served"},
		{o.Declined, "declined"},
		{o.Refused, "refused, full"},
		{o.Away, "refused, backend away"},
		{o.Failed, "failed"},
		{o.Cancelled, "left by the asker"},
	} {
		if part.n > 0 {
			list = append(list, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(list, ", ")
}

func (o *Outcomes) add(p Outcomes) {
	o.Served += p.Served
	o.Declined += p.Declined
	o.Refused += p.Refused
	o.Away += p.Away
	o.Failed += p.Failed
	o.Cancelled += p.Cancelled
}

// kinds of requests, by path and by whether the answer was a stream.
const (
	kindChat       = "chat"
	kindCompletion = "completions"
	streamed       = ", streamed"
)

// kindsOfOnePiece are the endpoints of backends beside chat and completions.
var kindsOfOnePiece = map[string]string{
	"/v1/embeddings":           "embeddings",
	"/v1/rerank":               "rerank",
	"/v1/images/generations":   "images",
	"/v1/audio/speech":         "speech",
	"/v1/audio/transcriptions": "transcriptions",
}

// tally counts requests by kind and outcome.
type tally struct {
	mu    sync.Mutex
	kinds map[string]*Outcomes
}

func (t *tally) count(kind string, o Outcomes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds == nil {
		t.kinds = map[string]*Outcomes{}
	}
	if t.kinds[kind] == nil {
		t.kinds[kind] = &Outcomes{}
	}
	t.kinds[kind].add(o)
}

// byKind copies the counts.
func (t *tally) byKind() map[string]Outcomes {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[string]Outcomes, len(t.kinds))
	for kind, o := range t.kinds {
		out[kind] = *o
	}
	return out
}

// outcomeOf is one request's, by the status of its answer; 0 is an answer that never began.
func outcomeOf(status int, broken bool) Outcomes {
	switch {
	case broken:
		return Outcomes{Failed: 1}
	case status == 499:
		return Outcomes{Cancelled: 1}
	case status == 429:
		return Outcomes{Refused: 1}
	case status >= 500 || status == 0:
		return Outcomes{Failed: 1}
	case status >= 400:
		return Outcomes{Declined: 1}
	}
	return Outcomes{Served: 1}
}

// describe is the counts in one line, kinds in order.
func describe(kinds map[string]Outcomes) string {
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		list = append(list, kind+": "+kinds[kind].String())
	}
	if len(list) == 0 {
		return "no request yet"
	}
	return strings.Join(list, "; ")
}
