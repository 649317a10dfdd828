package validator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	subnettypes "agora/chain/x/subnet/types"
)

// server is a miner's server as miner.Server is one: so many requests at once, so many that wait, 429 beyond them.
type server struct {
	places, waiting chan struct{}
	takes           time.Duration // for one answer
	answer          func(*http.Request) (*http.Response, error)
	busy            atomic.Int64 // most requests that were open at once
	refusals        atomic.Int64
}

func newServer(capacity int, takes time.Duration, answer func(*http.Request) (*http.Response, error)) *server {
	return &server{places: make(chan struct{}, capacity), waiting: make(chan struct{}, 5*capacity), takes: takes, answer: answer}
}

func (s *server) serve(r *http.Request) (*http.Response, error) {
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	default:
		s.refusals.Add(1)
		return reply(http.StatusTooManyRequests, "")(r)
	}
	s.busy.Store(max(s.busy.Load(), int64(len(s.waiting))))
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
	select {
	case <-time.After(s.takes):
		return s.answer(r)
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// withCapacity puts a declared capacity on every card of a judge's miners.
func withCapacity(j *judge, capacity ...int) {
	miners := j.miners
	j.miners = func() []Miner {
		list := miners()
		for i := range list {
			list[i].Card = &subnettypes.ModelCard{Metadata: fmt.Sprintf(`{"capacity":%d}`, capacity[i])}
		}
		return list
	}
}

// judgingInTime runs judges on a clock of its own until done says so, and returns how long that took.
func judgingInTime(t *testing.T, judges []*judge, done func() bool, limit time.Duration) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for _, j := range judges {
		work.Go(func() { j.run(ctx) })
	}
	began := time.Now()
	for !done() && time.Since(began) < limit {
		time.Sleep(time.Second)
	}
	took := time.Since(began)
	cancel()
	work.Wait()
	return took
}

// stall takes every request and answers none.
func stall(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// A newcomer beside miners that sit on every request has its items as soon as without them, and the vote waits for none of them.
func TestNewcomerBesideStallersIsJudgedAsSoonAsWithout(t *testing.T) {
	took := map[int]time.Duration{}
	for _, stallers := range []int{0, 1, 5} {
		synctest.Test(t, func(t *testing.T) {
			hub := newField()
			hub.set(0, newServer(2, 100*time.Millisecond, skilled(0, 0.9)).serve)
			for n := range stallers {
				hub.set(1+n, stall)
			}
			j := newTestJudge(t, hub, 1+stallers, io.Discard)
			j.deadline = time.Minute
			took[stallers] = judgingInTime(t, []*judge{j}, func() bool { return standing(j.book, 0).Ready }, time.Hour)
			uids := uidsOf(j.miners())
			for range 2 { // the clock of patience starts with the first look
				if _, err := j.book.vote(uids, time.Minute); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Minute)
			}
			if v, err := j.book.vote(uids, time.Minute); err != nil || !v.proven || len(v.uids) == 0 {
				t.Errorf("beside %d stallers the vote is %+v, %v", stallers, v, err)
			}
		})
	}
	t.Logf("a newcomer has its 100 items after %v alone, %v beside one staller, %v beside five", took[0], took[1], took[5])
	if took[5] > took[0]*12/10 || took[1] > took[0]*12/10 {
		t.Errorf("%v", took)
	}
}

// A miner that serves the best answers in one place, 3 s each, is as good as its answers for every one of many judges, and as
// fast as it is, whatever queue the judges make together.
func TestLateMinerWithOnePlaceIsJudgedByItsOwnSpeed(t *testing.T) {
	for _, voices := range []int{4, 64} {
		t.Run(fmt.Sprintf("%d judges", voices), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { lateMiner(t, voices) })
		})
	}
}

func lateMiner(t *testing.T, voices int) {
	hub := newField()
	var given, right atomic.Int64
	knows, wrong := reply(http.StatusOK, `{"choices":[{"text":"yes"}]}`), reply(http.StatusOK, `{"choices":[{"text":"no"}]}`)
	late := newServer(1, 3*time.Second, func(r *http.Request) (*http.Response, error) { // right nine times in ten
		if given.Add(1)%10 == 3 {
			return wrong(r)
		}
		right.Add(1)
		return knows(r)
	})
	hub.set(0, late.serve)
	for n := 1; n < 3; n++ { // the field by whose speed it is measured
		hub.set(n, newServer(8, 50*time.Millisecond, skilled(n, 0.8-0.3*float64(n))).serve)
	}
	var judges []*judge
	for range voices {
		j := newTestJudge(t, hub, 3, io.Discard)
		j.deadline, j.judges = time.Minute, func() int { return voices }
		j.setTempo(30 * time.Minute)
		withCapacity(j, 1, 8, 8)
		judges = append(judges, j)
	}
	enough := func() bool {
		for _, j := range judges {
			if standing(j.book, 0).Asked < 10 {
				return false
			}
		}
		return true
	}
	took := judgingInTime(t, judges, enough, 24*time.Hour)
	answered, mean, speed := 0.0, 0.0, 0.0
	for _, j := range judges {
		s := standing(j.book, 0)
		answered += s.Answered / float64(voices)
		mean += s.Mean * s.Answered / float64(voices)
		speed += s.Service / float64(voices)
	}
	worth := float64(right.Load()) / float64(given.Load())
	own := 2.0 / 3 // what 3 s are worth beside the floor of 2 s
	t.Logf("after %v for 10 items each: answered %.4f, judged mean %.3f of %.3f, service %.3f (its own speed: %.3f), %d refusals", took, answered, mean, worth, speed, own, late.refusals.Load())
	if mean < 0.95*worth || answered < 0.95 || speed < 0.95*own || speed > own+0.01 {
		t.Errorf("answered %.3f, mean %.3f, service %.3f", answered, mean, speed)
	}
}

func TestJudgeKeepsWithinTheDeclaredCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newField()
		s := newServer(3, 3*time.Second, skilled(0, 0.9))
		hub.set(0, s.serve)
		var judges []*judge
		for range 4 {
			j := newTestJudge(t, hub, 1, io.Discard)
			j.deadline, j.judges = time.Minute, func() int { return 4 }
			withCapacity(j, 3)
			judges = append(judges, j)
		}
		judgingInTime(t, judges, func() bool { return false }, 10*time.Minute)
		used := 0.0
		for _, j := range judges {
			used += float64(standing(j.book, 0).N) * 3 / (600 * 3)
		}
		t.Logf("four judges keep a miner of three places busy for %.2f of its time", used)
		if used > 0.6 || used < 0.3 || s.refusals.Load() > 0 {
			t.Errorf("busy for %.2f of its time, %d refusals", used, s.refusals.Load())
		}
	})
}

// Whoever knows seven items in ten and declines the rest ranks by .70, whatever way it declines in.
func TestDecliningCostsAlikeHoweverItIsDone(t *testing.T) {
	for name, decline := range map[string]func(*http.Request) (*http.Response, error){
		"429": reply(429, ""), "503": reply(503, ""), "silence": stall,
		"broken": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := newField()
				knows := skilled(0, 0.7)
				hub.set(0, func(r *http.Request) (*http.Response, error) {
					resp, err := knows(r)
					if body, _ := io.ReadAll(resp.Body); err == nil && strings.Contains(string(body), "yes") {
						return reply(200, string(body))(r)
					}
					return decline(r)
				})
				j := newTestJudge(t, hub, 1, io.Discard)
				j.deadline = time.Minute
				judgingInTime(t, []*judge{j}, func() bool { return standing(j.book, 0).Asked >= 200 }, 24*time.Hour)
				s := standing(j.book, 0)
				t.Logf("mean %.3f of what it answered, answered %.2f, worth %.3f", s.Mean, s.Answered, s.Mean*s.Answered)
				if got := s.Mean * s.Answered; s.Mean != 1 || got < 0.5 || got > 0.9 { // four standard errors of a hundred
					t.Errorf("%+v is worth %.3f, want about .70", s, got)
				}
			})
		})
	}
}

func TestItemsGoToMostMinersInTurnAndToNoneAgain(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), "judge.db"))
	defer s.close()
	items, err := newDrawer(1, chainID, plain{}, s)
	if err != nil {
		t.Fatal(err)
	}
	p := &pool{draw: items.numbered, seed: items.count}
	given, now := map[[32]byte]map[uint32]int{}, time.Now()
	const miners, rounds = 8, 200
	for range rounds {
		for uid := range uint32(miners) {
			it, err := p.take(uid, miners, time.Minute, now)
			if err != nil {
				t.Fatal(err)
			}
			if given[it.ID] == nil {
				given[it.ID] = map[uint32]int{}
			}
			if given[it.ID][uid]++; given[it.ID][uid] > 1 {
				t.Fatal("a miner got an item twice")
			}
			p.done(it, time.Now)
		}
	}
	shared := float64(miners*rounds) / float64(len(given))
	t.Logf("%d items, each for %.1f of %d miners", len(given), shared, miners)
	if shared < 4 || shared > 7 {
		t.Errorf("an item goes to %.1f of %d miners", shared, miners)
	}
	if err := items.use(seedRecord{Salt: newSalt(), Epoch: 3}); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		it, err := p.take(99, miners, time.Minute, now)
		if err != nil || given[it.ID] != nil {
			t.Fatalf("an item of the seed before is still given out, %v", err)
		}
	}
}

func TestOpenItemIsKnownByItsPromptInAnyDress(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), "judge.db"))
	defer s.close()
	items, err := newDrawer(1, chainID, plain{}, s)
	if err != nil {
		t.Fatal(err)
	}
	p := &pool{draw: items.numbered, seed: items.count}
	now := time.Now()
	it, err := p.take(1, 2, time.Minute, now)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(it.Body), `"prompt":"`)
	prompt := strings.TrimSuffix(rest, `"}`)
	sold := func(text string) bool { return isOpen([]byte(text), []openPrompts{*p.asked.Load()}) }
	for text, open := range map[string]bool{prompt: true, " " + strings.ToUpper(prompt) + "?\n": true, prompt + "1": false, "": false} {
		if sold(text) != open {
			t.Errorf("%q is open: %v", text, !open)
		}
	}
	p.done(it, func() time.Time { return now })
	if _, err := p.take(2, 2, time.Minute, now.Add(2*time.Minute)); err != nil || !sold(prompt) {
		t.Error("an item is sold the moment it closes")
	}
	if _, err := p.take(2, 2, time.Minute, now.Add(5*time.Minute)); err != nil || sold(prompt) {
		t.Error("an item is refused for ever")
	}
}

// An absence of a given length costs the same share whatever its kind, and ends.
func TestReturningMinerIsPaidAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newField()
		hub.set(0, newServer(2, 50*time.Millisecond, skilled(0, 0.9)).serve)
		j := newTestJudge(t, hub, 1, io.Discard)
		j.setTempo(10 * time.Second)
		ready := func() bool { return standing(j.book, 0).Weight > 0 }
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { j.run(ctx) })
		waitInTime(t, ready)
		hub.set(0, reply(502, ""))
		waitInTime(t, func() bool { return standing(j.book, 0).Service == 0 })
		hub.set(0, skilled(0, 0.9))
		waitInTime(t, ready)
		if s := standing(j.book, 0); s.Answered < 0.8 || s.Mean < 0.8 {
			t.Errorf("after a short absence: %+v", s)
		}
		cancel()
		work.Wait()
	})
}

func waitInTime(t *testing.T, holds func() bool) {
	t.Helper()
	for range 3600 {
		if holds() {
			return
		}
		time.Sleep(time.Second)
	}
	t.Fatal("it did not come to be within an hour")
}

// Items of a subnet that everybody has left are for consumers again once they are old, though nobody takes another one.
func TestItemsOfAnEmptySubnetAreNotRefusedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newField()
		hub.set(0, newServer(2, 50*time.Millisecond, skilled(0, 0.9)).serve)
		j := newTestJudge(t, hub, 1, io.Discard)
		var left atomic.Bool
		there := j.miners
		j.miners = func() []Miner {
			if left.Load() {
				return nil
			}
			return there()
		}
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { j.run(ctx) })
		time.Sleep(time.Minute)
		if len(*j.pool.asked.Load()) == 0 {
			t.Error("nothing was asked")
		}
		left.Store(true)
		time.Sleep(leastAge + openAfter + time.Second)
		if n := len(*j.pool.asked.Load()); n > 0 {
			t.Errorf("%d prompts are still refused", n)
		}
		cancel()
		work.Wait()
	})
}
