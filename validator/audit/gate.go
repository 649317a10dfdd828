// Package audit runs the model on answers that servers gave and signed, and closes the gate of a server whose answers are
// not the model's. The engine is exact, so a check is equality; what remains is chance only in what is drawn.
package audit

import (
	"slices"

	"agora/engine/near"
	"agora/mechanism/capacity"
)

// How much is audited, and what a failure costs. Counts are of a server's whole answers to one voice.
const (
	Newcomer  = 20   // first answers of a server, all audited
	PerTempo  = 8    // audits of a server per tempo, over all voices by their stake
	Probation = 50   // answers after a failure, all audited
	Memory    = 1000 // answers within which a second failure closes the gate
	Closed    = 10   // tempos of the first closing; each further one is twice as long
	Fresh     = 10   // tempos for which a right answer shows that a server runs its model
)

// Server is what one voice remembers of a server: of a seat, since it was taken, with a model. The zero value is a newcomer.
type Server struct {
	Answers uint64 `json:"answers"` // whole ones, drawn or not
	Watched uint64 `json:"watched"` // further answers that are all audited
	Failed  uint64 `json:"failed"`  // Answers at the last failure that counts; 0 is none
	Tempo   uint64 `json:"tempo"`   // of the counts that follow
	Now     uint64 `json:"now"`     // answers in that tempo
	Drawn   uint64 `json:"drawn"`   // of them, audited by lot
	Last    uint64 `json:"last"`    // answers in the tempo before
	Shown   uint64 `json:"shown"`   // 1 + the tempo of the last audit that was right; 0 is none

	Asked    uint64 `json:"asked,omitempty"`    // of the latest requests of the voice's own, about how many, see Serve
	Answered uint64 `json:"answered,omitempty"` // of them, whole and with a receipt

	Keys []string `json:"keys,omitempty"` // peer ids of the hot keys that its audited answers were signed with, the newest last

	Near near.Tally `json:"near,omitzero"` // of a server on another engine: how far its answers are from its model's
}

// Offer counts an answer and says whether it is audited. part is the voice's part of the stake in (0, 1], die a uniform draw
// from [0, 1) that the server cannot know.
//
// An answer is drawn with p = min(1, 8·part ÷ n), n the larger of the answers in the tempo before and in this one so far: 8 audits
// a tempo over all voices where the server is asked as often as before, all answers where there are fewer, and about
// 8·part·(1 + ln(n ÷ 8·part)) for a server that is asked for the first time.
func (s *Server) Offer(tempo uint64, part, die float64) bool {
	s.turn(tempo)
	s.Answers++
	s.Now++
	if s.Answers <= Newcomer {
		return true
	}
	if s.Watched > 0 {
		s.Watched--
		return true
	}
	if die*float64(max(s.Last, s.Now)) >= PerTempo*part {
		return false
	}
	s.Drawn++
	return true
}

// Serve counts whether a request of the voice's own was answered. Above capacity.Recent what was counted before is halved.
func (s *Server) Serve(answered bool) {
	if s.Asked >= capacity.Recent {
		s.Asked, s.Answered = s.Asked/2, s.Answered/2
	}
	s.Asked++
	if answered {
		s.Answered++
	}
}

// maxKeys is how many hot keys of a server are remembered.
const maxKeys = 8

// Signed notes with which hot key an answer was signed: a proof of before a rotation is one after it.
func (s *Server) Signed(peer string) {
	if peer == "" || slices.Contains(s.Keys, peer) {
		return
	}
	s.Keys = append(slices.Clone(s.Keys[max(0, len(s.Keys)-maxKeys+1):]), peer)
}

// turn begins the counts of a new tempo.
func (s *Server) turn(tempo uint64) {
	if tempo == s.Tempo {
		return
	}
	s.Last = s.Now
	if tempo != s.Tempo+1 {
		s.Last = 0
	}
	s.Tempo, s.Now, s.Drawn = tempo, 0, 0
}

// Fail notes that an answer was not the model's, and says whether that closes the gate: the second failure within Memory
// answers does, and the count begins anew.
func (s *Server) Fail() (closes bool) {
	s.Watched = Probation
	if s.Failed > 0 && s.Answers-s.Failed < Memory {
		s.Failed, s.Shown = 0, 0
		return true
	}
	s.Failed = max(s.Answers, 1)
	return false
}

// Right notes that an answer was the model's.
func (s *Server) Right(tempo uint64) { s.Shown = tempo + 1 }

// Proven says whether the server has shown lately that it runs its model. Who has not is paid nothing: it may never answer,
// or sign nothing, or run an engine that cannot be run again.
func (s *Server) Proven(tempo uint64) bool { return s.Shown > 0 && tempo < s.Shown+Fresh }

// Gate is what one voice remembers of an owner with a model: a new key or another seat launders nothing. The zero value is
// open.
type Gate struct {
	Closings uint64 `json:"closings"`
	Until    uint64 `json:"until"`         // first tempo in which it is open
	At       uint64 `json:"at,omitempty"`  // tempo of the last closing
	Why      string `json:"why,omitempty"` // of it
}

// maxDoublings bounds a closing: 10·2^20 tempos are longer than a chain lives.
const maxDoublings = 20

// Close shuts the gate from this tempo on: 10 tempos the first time, twice as long each time.
func (g *Gate) Close(tempo uint64, why string) {
	g.At, g.Why = tempo, why
	g.Until = max(g.Until, tempo) + Closed<<min(g.Closings, maxDoublings)
	g.Closings++
}

// Open says whether it is open in that tempo.
func (g *Gate) Open(tempo uint64) bool { return tempo >= g.Until }
