// Package audit runs the model on answers that servers gave and signed, and closes the gate of a server whose answers are
// not the model's. The engine is exact, so a check is equality; what remains is chance only in what is drawn.
package audit

// How much is audited, and what a failure costs. Counts are of a server's whole answers to one voice.
const (
	Newcomer  = 20   // first answers of a server, all audited
	PerTempo  = 8    // audits of a server per tempo, over all voices by their stake
	Probation = 50   // answers after a failure, all audited
	Memory    = 1000 // answers within which a second failure closes the gate
	Closed    = 10   // tempos of the first closing; each further one is twice as long
)

// Server is what one voice remembers of a server: of a seat since it was taken. The zero value is a newcomer.
type Server struct {
	Answers uint64 `json:"answers"` // whole ones, drawn or not
	Watched uint64 `json:"watched"` // further answers that are all audited
	Failed  uint64 `json:"failed"`  // Answers at the last failure that counts; 0 is none
	Tempo   uint64 `json:"tempo"`   // of the counts that follow
	Now     uint64 `json:"now"`     // answers in that tempo
	Drawn   uint64 `json:"drawn"`   // of them, audited by lot
	Last    uint64 `json:"last"`    // answers in the tempo before
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
		s.Failed = 0
		return true
	}
	s.Failed = max(s.Answers, 1)
	return false
}

// Gate is what one voice remembers of an owner with a model: a new key or another seat launders nothing. The zero value is
// open.
type Gate struct {
	Closings uint64 `json:"closings"`
	Until    uint64 `json:"until"` // first tempo in which it is open
}

// maxDoublings bounds a closing: 10·2^20 tempos are longer than a chain lives.
const maxDoublings = 20

// Close shuts the gate from this tempo on: 10 tempos the first time, twice as long each time.
func (g *Gate) Close(tempo uint64) {
	g.Until = max(g.Until, tempo) + Closed<<min(g.Closings, maxDoublings)
	g.Closings++
}

// Open says whether it is open in that tempo.
func (g *Gate) Open(tempo uint64) bool { return tempo >= g.Until }
