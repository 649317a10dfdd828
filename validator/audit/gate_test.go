package audit

import (
	"math"
	"math/rand/v2"
	"testing"
)

// answers offers n answers in a tempo and counts the audited ones.
func answers(s *Server, tempo uint64, n int, part float64, r *rand.Rand) (audited int) {
	for range n {
		if s.Offer(tempo, part, r.Float64()) {
			audited++
		}
	}
	return audited
}

func TestANewcomersFirstAnswersAreAllAudited(t *testing.T) {
	var s Server
	if got := answers(&s, 5, Newcomer, 0.001, rand.New(rand.NewPCG(1, 1))); got != Newcomer {
		t.Errorf("%d of %d", got, Newcomer)
	}
}

// About 8 per server and tempo over all voices, shared by stake; all of them where there are fewer.
func TestEightAuditsATempoOverAllVoices(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for _, c := range []struct {
		voices, answers int
		want            float64
	}{{1, 1000, 8}, {4, 1000, 8}, {64, 1000, 8}, {4, 20, 8}, {4, 2, 8}, {1, 5, 5}} {
		sum := 0
		const tempos = 200
		servers := make([]Server, c.voices)
		for v := range servers {
			answers(&servers[v], 0, Newcomer, 1, r)
			answers(&servers[v], 1, c.answers, 1, r)
			for tempo := range uint64(tempos) {
				sum += answers(&servers[v], 2+tempo, c.answers, 1/float64(c.voices), r)
			}
		}
		if got := float64(sum) / tempos; math.Abs(got-c.want) > 0.1*c.want {
			t.Errorf("%d voices, %d answers each: %.2f audits a tempo, want %.0f", c.voices, c.answers, got, c.want)
		}
	}
}

// A server that was asked rarely and then floods a voice is audited more often than a steady one, not less.
func TestAFloodDoesNotDiluteAudits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	var s Server
	answers(&s, 0, Newcomer, 1, r)
	answers(&s, 1, 3, 1, r)
	if got := answers(&s, 2, 10_000, 1, r); got < 8 || got > 150 {
		t.Errorf("%d audits, want about 8·(1+ln(10,000/8)) = 65", got)
	}
}

func TestTheSecondFailureClosesTheGate(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	var s Server
	answers(&s, 0, 100, 0.01, r)
	if s.Fail() {
		t.Error("the first failure closes it")
	}
	if got := answers(&s, 0, Probation, 0.01, r); got != Probation {
		t.Errorf("%d of the %d answers after a failure are audited", got, Probation)
	}
	if !s.Fail() {
		t.Error("the second one does not")
	}
}

func TestAFailureIsForgottenAfterAThousandAnswers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	for answered, want := range map[int]bool{Memory - 1: true, Memory: false} {
		var s Server
		answers(&s, 0, 100, 0.01, r)
		s.Fail()
		answers(&s, 0, answered, 0.01, r)
		if got := s.Fail(); got != want {
			t.Errorf("after %d answers it closes: %v", answered, got)
		}
	}
}

func TestEachClosingIsTwiceAsLong(t *testing.T) {
	var g Gate
	if !g.Open(0) {
		t.Error("a new gate is closed")
	}
	tempo := uint64(100)
	for _, length := range []uint64{10, 20, 40, 80} {
		g.Close(tempo, "two false answers")
		if g.Open(tempo) || g.Open(tempo+length-1) || !g.Open(tempo+length) {
			t.Errorf("closed until %d, want for %d tempos from %d on", g.Until, length, tempo)
		}
		tempo = g.Until
	}
	for range 100 {
		g.Close(tempo, "two false answers")
	}
	if g.Until < tempo || g.Open(tempo) {
		t.Errorf("a hundred closings overflow: until %d", g.Until)
	}
}

// A server that gives rubbish to every consumer is closed within 16 audits in at least 99 of 100 runs, whatever a voice's part: of
// what is audited it fails twice. One that cheats on a tenth of its answers is closed within 50 audits.
func TestHowSoonALiarIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	for _, c := range []struct {
		lies   float64 // part of its answers that are not the model's
		audits int
	}{{1, 16}, {0.5, 16}, {0.1, 70}} {
		const runs = 2000
		within := 0
		for range runs {
			if audits := untilClosed(&Server{}, c.lies, r); audits <= c.audits {
				within++
			}
		}
		if float64(within) < 0.99*runs {
			t.Errorf("%.0f %% lies: closed within %d audits in %d of %d runs", 100*c.lies, c.audits, within, runs)
		}
	}
}

func untilClosed(s *Server, lies float64, r *rand.Rand) (audits int) {
	for tempo := uint64(0); ; tempo++ {
		for range 100 {
			if !s.Offer(tempo, 0.25, r.Float64()) {
				continue
			}
			audits++
			if r.Float64() < lies && s.Fail() {
				return audits
			}
		}
	}
}
