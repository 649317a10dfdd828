package validator

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	"agora/mechanism/score"
	"agora/task"
	"agora/wire"
	"agora/wire/openai"
)

// field is a hub whose miners are functions. A missing one is not connected. Where a stream is asked for, what a function
// answers without headers goes out as the only event of one, before its end.
type field struct {
	mu     sync.Mutex
	miners map[string]func(*http.Request) (*http.Response, error)
	asked  map[string]int
}

func newField() *field {
	return &field{miners: map[string]func(*http.Request) (*http.Response, error){}, asked: map[string]int{}}
}

func testKey(n int) ed25519.PublicKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "miner %d", n))
	return ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
}

func (f *field) set(n int, answer func(*http.Request) (*http.Response, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if answer == nil {
		delete(f.miners, string(testKey(n)))
		return
	}
	f.miners[string(testKey(n))] = answer
}

func (f *field) count(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[string(testKey(n))]
}

func (f *field) Connected(_ uint32, key ed25519.PublicKey) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.miners[string(key)] != nil
}

func (f *field) RoundTripper(_ uint32, key ed25519.PublicKey) http.RoundTripper {
	return tripper(func(r *http.Request) (*http.Response, error) {
		f.mu.Lock()
		answer := f.miners[string(key)]
		f.asked[string(key)]++
		f.mu.Unlock()
		if answer == nil {
			return nil, wire.ErrNotConnected
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		resp, err := answer(r)
		if err == nil && resp.StatusCode == http.StatusOK && resp.Header == nil && bytes.Contains(body, []byte(`"stream":true`)) {
			resp.Header = http.Header{"Content-Type": {"text/event-stream"}}
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader("data: "), resp.Body, strings.NewReader("\n\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")))
		}
		return resp, err
	})
}

func (f *field) Recheck() {}

type tripper func(*http.Request) (*http.Response, error)

func (t tripper) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func reply(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func newTestJudge(t *testing.T, hub Hub, miners int, log io.Writer) *judge {
	t.Helper()
	s := openTestStore(t, filepath.Join(t.TempDir(), "judge.db"))
	t.Cleanup(func() { s.close() })
	s.db.NoSync = true // no power fails in these tests
	items, err := newDrawer(1, chainID, plain{}, s)
	if err != nil {
		t.Fatal(err)
	}
	var list []Miner
	for n := range miners {
		list = append(list, Miner{UID: uint32(n), Registered: 1, HotKey: testKey(n)})
	}
	return &judge{
		netuid: 1, hub: hub, pool: &pool{draw: items.numbered, seed: items.count}, book: openTestBook(t, s),
		judges: func() int { return 1 }, slots: make(chan struct{}, 512), idle: 4,
		deadline: 100 * time.Millisecond, log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		miners: func() []Miner {
			now := make([]Miner, len(list))
			for i, m := range list {
				m.Connected = hub.Connected(1, m.HotKey)
				now[i] = m
			}
			return now
		},
	}
}

func TestWhateverKeepsAMinerFromAnsweringIsAnAbsence(t *testing.T) {
	const good = `{"choices":[{"text":"yes"}]}`
	for _, one := range []struct {
		name   string
		answer func(*http.Request) (*http.Response, error)
		failed bool
		score  float64
	}{
		{"an answer", reply(200, good), false, 1},
		{"not connected", nil, true, 0},
		{"server error", reply(500, good), true, 0},
		{"refused as bad", reply(400, `{"error":{}}`), true, 0},
		{"broken connection", func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, true, 0},
		{"left before it was asked", func(*http.Request) (*http.Response, error) { return nil, wire.ErrNotConnected }, true, 0},
		{"too slow", func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, true, 0},
		{"an answer without end", func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(io.LimitReader(zeros{}, 1<<30))}, nil
		}, true, 0},
	} {
		t.Run(one.name, func(t *testing.T) {
			hub := newField()
			hub.set(0, one.answer)
			j := newTestJudge(t, hub, 1, io.Discard)
			item, _, err := j.pool.draw()
			if err != nil {
				t.Fatal(err)
			}
			r, what := j.ask(t.Context(), question{Item: item}, j.miners()[0])
			if what != counted || r.Failed != one.failed || r.Score != one.score {
				t.Errorf("outcome %v, failed %v, score %v; want %v, %v", what, r.Failed, r.Score, one.failed, one.score)
			}
		})
	}
}

// Whatever the form, an answer is worth the same; a stream must be one, and be whole.
func TestStreamIsJudgedByWhatItAmountsTo(t *testing.T) {
	const first, second = `{"choices":[{"delta":{"role":"assistant","content":"4"}}]}`, `{"choices":[{"delta":{"content":"2"},"finish_reason":"stop"}]}`
	events := func(data ...string) string { return "data: " + strings.Join(data, "\n\ndata: ") + "\n\n" }
	for _, one := range []struct {
		name, kind, body string
		score            float64
		failed           bool
	}{
		{"whole", "text/event-stream", events(first, second, "[DONE]"), 1, false},
		{"with a charset", "text/event-stream; charset=utf-8", events(first, second, "[DONE]"), 1, false},
		{"half of it", "text/event-stream", events(first, "[DONE]"), 0, true},
		{"without an end", "text/event-stream", events(first), 0, true},
		{"without a word for its end", "text/event-stream", events(first, second), 1, false},
		{"an error in it", "text/event-stream", events(first, second, `{"error":{"message":"out of memory"}}`, "[DONE]"), 0, true},
		{"nothing", "text/event-stream", "", 0, true},
		{"no stream", "application/json", `{"choices":[{"message":{"role":"assistant","content":"42"}}]}`, 0, false},
		{"a choice far away", "text/event-stream", events(`{"choices":[{"index":1000000000,"delta":{"content":"42"}}]}`, "[DONE]"), 0, true},
	} {
		t.Run(one.name, func(t *testing.T) {
			hub := newField()
			hub.set(0, func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {one.kind}}, Body: io.NopCloser(strings.NewReader(one.body))}, nil
			})
			j := newTestJudge(t, hub, 1, io.Discard)
			q := question{stream: true, Item: task.Item{Path: "/v1/chat/completions", Body: []byte(`{"stream":true}`), Score: says("42")}}
			r, what := j.ask(t.Context(), q, j.miners()[0])
			if what != counted || r.Failed != one.failed || r.Score != one.score {
				t.Errorf("outcome %v, failed %v, score %v; want %v, %v", what, r.Failed, r.Score, one.failed, one.score)
			}
		})
	}
}

// says scores a chat answer by its text.
func says(want string) func([]byte) (float64, error) {
	return func(answer []byte) (float64, error) {
		var r openai.ChatResponse
		if err := json.Unmarshal(answer, &r); err != nil {
			return 0, err
		}
		if len(r.Choices) == 1 && string(r.Choices[0].Message.Content) == want {
			return 1, nil
		}
		return 0, nil
	}
}

func TestAboutHalfOfTheItemsAreAskedAsStreams(t *testing.T) {
	item := plain{}.Item(task.Seed{1}, 2)
	before, streams, usages := string(item.Body), 0, 0
	for range 400 {
		q := pose(item)
		var body struct {
			Model, Prompt string
			Stream        bool
			Options       *openai.StreamOptions `json:"stream_options"`
		}
		if err := json.Unmarshal(q.Body, &body); err != nil {
			t.Fatalf("%s: %v", q.Body, err)
		}
		if body.Stream != q.stream || body.Model != "plain" || body.Prompt == "" || q.ID != item.ID {
			t.Fatalf("%s asks for a stream: %v", q.Body, q.stream)
		}
		if q.stream {
			streams++
		}
		if body.Options.WantsUsage() {
			usages++
		}
	}
	if streams < 130 || streams > 270 || usages < 39 || usages > 161 || string(item.Body) != before { // seven standard deviations
		t.Errorf("%d of 400 are streams, %d with usage; the item is %s, it was %s", streams, usages, item.Body, before)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBusyMinerIsAskedTheSameItemAgain(t *testing.T) {
	hub := newField()
	var mu sync.Mutex
	var bodies []string
	hub.set(0, func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if bodies = append(bodies, string(body)); len(bodies) <= 2 {
			return reply(429, "")(r)
		}
		return reply(200, `{"choices":[{"text":"yes"}]}`)(r)
	})
	j := newTestJudge(t, hub, 1, io.Discard)
	judging(t, j)
	wait(t, func() bool { return standing(j.book, 0).N > 0 })
	mu.Lock()
	defer mu.Unlock()
	if bodies[0] != bodies[1] || bodies[1] != bodies[2] || standing(j.book, 0).Answered != 1 {
		t.Errorf("%+v after asking %q; want an answer to the same item", standing(j.book, 0), bodies[:3])
	}
}

// judging runs a judge until the test ends.
func judging(t *testing.T, j *judge) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { j.run(ctx) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
}

func TestEndOfTheValidatorIsNobodysFailure(t *testing.T) {
	hub := newField()
	ctx, cancel := context.WithCancel(t.Context())
	hub.set(0, func(r *http.Request) (*http.Response, error) {
		cancel()
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	j := newTestJudge(t, hub, 1, io.Discard)
	j.deadline = time.Minute
	item, _, _ := j.pool.draw()
	if _, what := j.ask(ctx, pose(item), j.miners()[0]); what != uncounted {
		t.Error("a request that this program ended was counted")
	}
}

// skilled answers rightly a given share of the items, the same ones whenever it is asked.
func skilled(n int, share float64) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		sum := sha256.Sum256(append(body, byte(n)))
		if float64(sum[0])/256 < share {
			return reply(200, `{"choices":[{"text":"yes"}]}`)(r)
		}
		return reply(200, `{"choices":[{"text":"no"}]}`)(r)
	}
}

// Items of the burst go to all at once and stop when the order is clear; then only a trickle is left.
func TestBurstEndsInATrickle(t *testing.T) {
	hub := newField()
	for n, share := range []float64{0.9, 0.5, 0.1} {
		hub.set(n, skilled(n, share))
	}
	var log bytes.Buffer
	j := newTestJudge(t, hub, 3, &log)
	j.setTempo(4 * time.Second) // a trickle of one item a second
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { j.run(ctx) })
	wait(t, func() bool { _, settled := j.book.progress([]uint16{0, 1, 2}); return settled })
	// A trickled item may make the board ask more for a while. That ends as well: three seconds come with at most seven.
	wait(t, func() bool {
		before, began := hub.count(0), time.Now()
		time.Sleep(3 * time.Second)
		n, limit := hub.count(0)-before, int(2*time.Since(began).Seconds())+1
		return n > 0 && n <= limit+2
	})
	cancel()
	done.Wait()
	for n := range 3 {
		if hub.count(n) < 100 {
			t.Errorf("miner %d was asked %d times, want 100 or more", n, hub.count(n))
		}
	}
	order := j.book.standings()
	for place, s := range order {
		if int(s.UID) != place || s.Tier != place {
			t.Errorf("place %d: uid %d in tier %d", place, s.UID, s.Tier)
		}
	}
	if strings.Contains(log.String(), "plain") || strings.Contains(log.String(), "yes") {
		t.Error("a prompt or an answer is in the log")
	}
}

// settledJudge judges two miners until the test ends, and returns when it knows their order.
func settledJudge(t *testing.T, hub Hub) *judge {
	t.Helper()
	j := newTestJudge(t, hub, 2, io.Discard)
	j.setTempo(10 * time.Second)
	judging(t, j)
	wait(t, func() bool { _, settled := j.book.progress([]uint16{0, 1}); return settled })
	return j
}

// A miner that saves its model for whole answers, which no consumer's stream sees, ranks below one that is
// right four times in five whatever the form.
func TestWhoeverServesStreamsWorseIsFound(t *testing.T) {
	hub := newField()
	hub.set(0, skilled(0, 0.8))
	hub.set(1, func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte(`"stream":true`)) {
			return reply(500, "")(r)
		}
		return reply(200, `{"choices":[{"text":"yes"}]}`)(r)
	})
	j := settledJudge(t, hub)
	honest, cheat := standing(j.book, 0), standing(j.book, 1)
	if cheat.Tier <= honest.Tier || cheat.Weight >= honest.Weight {
		t.Errorf("honest %+v, cheat %+v", honest, cheat)
	}
}

func TestAbsentMinerLosesItsServiceAndGetsItBack(t *testing.T) {
	hub := newField()
	hub.set(0, skilled(0, 0.9))
	hub.set(1, skilled(1, 0.3))
	j := settledJudge(t, hub)
	hub.set(0, nil)
	wait(t, func() bool { return standing(j.book, 0).Service == 0 })
	hub.set(0, skilled(0, 0.9))
	wait(t, func() bool { return standing(j.book, 0).Service > 0 })
}

func standing(b *book, uid uint16) score.Standing {
	for _, s := range b.standings() {
		if s.UID == uid {
			return s
		}
	}
	return score.Standing{}
}

func TestAbsentMinerIsNotBlamedWhileTheValidatorStarts(t *testing.T) {
	j := newTestJudge(t, newField(), 1, io.Discard)
	j.settling = 400 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	j.run(ctx)
	if s := standing(j.book, 0); s.Asked != 0 {
		t.Errorf("asked %d times", s.Asked)
	}
}

// wait polls until the condition holds, for at most a minute.
func wait(t *testing.T, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("it did not come to be within a minute")
}

func TestUnknownKeyIsToldWhatToDo(t *testing.T) {
	d := &directory{}
	if err := d.allow(1, testKey(0)); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("error is %v, want one that says what to do", err)
	}
	if !d.wanted() {
		t.Error("the directory is not read again for a key that it does not know")
	}
	if d.allow(1, nil) == nil {
		t.Error("an empty key is allowed")
	}
}

// A key that stands in one subnet is not let in for another, and both programs hear which it is.
func TestKeyIsAllowedInItsSubnetOnly(t *testing.T) {
	d := &directory{}
	d.replace(map[uint32]*market{
		1: {Subnet: subnettypes.Subnet{Netuid: 1, Name: "chat"}, miners: []Miner{{HotKey: testKey(0)}}},
		2: {Subnet: subnettypes.Subnet{Netuid: 2, Name: "text"}, miners: []Miner{{HotKey: testKey(1)}}},
	})
	if err := d.allow(1, testKey(0)); err != nil {
		t.Error(err)
	}
	for netuid, says := range map[uint32]string{2: "no miner's in subnet 2 (text)", 3: "does not serve subnet 3, but 1 (chat), 2 (text)"} {
		if err := d.allow(netuid, testKey(0)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("subnet %d: %v", netuid, err)
		}
	}
}

// What is answered in one piece is asked as consumers ask it, and its bytes are judged as they came.
func TestAPieceIsAskedAndJudgedAsItIs(t *testing.T) {
	const body, sound = `{"model":"task","input":"one two","voice":"alloy"}`, "RIFF\x00\xff"
	hub := newField()
	hub.set(0, func(r *http.Request) (*http.Response, error) {
		asked, err := io.ReadAll(r.Body)
		if err != nil || string(asked) != body || r.URL.Path != "/v1/audio/speech" {
			t.Errorf("%s is asked %s, %v", r.URL.Path, asked, err)
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"audio/wav"}}, Body: io.NopCloser(strings.NewReader(sound))}, nil
	})
	j := newTestJudge(t, hub, 1, io.Discard)
	item := task.Item{Path: "/v1/audio/speech", Body: []byte(body), Score: func(answer []byte) (float64, error) {
		if string(answer) != sound {
			t.Errorf("%q is judged", answer)
		}
		return 0.75, nil
	}}
	for range 8 { // whatever the die says
		if r, what := j.ask(t.Context(), pose(item), j.miners()[0]); what != counted || r.Failed || r.Score != 0.75 {
			t.Fatalf("outcome %v, %+v", what, r)
		}
	}
}
