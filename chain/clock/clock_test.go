package clock

import (
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/mock"
	"github.com/cosmos/gogoproto/types"
)

func TestTheMedianOfPeersSaysWhetherAClockIsWrong(t *testing.T) {
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		peers []time.Duration // beside this machine's clock
		ahead time.Duration
		says  string
	}{
		"alone":                         {nil, 0, "no peer has told its time"},
		"all agree":                     {[]time.Duration{0, time.Second, -time.Second}, 0, "agrees with those of its 3 peers"},
		"early":                         {[]time.Duration{-90 * time.Second, -91 * time.Second, -89 * time.Second}, 90 * time.Second, "1m30s ahead of the clocks of most of its 3 peers"},
		"late":                          {[]time.Duration{3 * time.Hour, 3 * time.Hour}, -3 * time.Hour, "3h0m0s behind the clocks of most of its 2 peers"},
		"one of many lies":              {[]time.Duration{0, time.Hour, 0}, 0, "agrees"},
		"half of the peers are wrong":   {[]time.Duration{0, time.Hour}, 0, "agrees"},
		"most peers are, as it may be":  {[]time.Duration{0, time.Minute, time.Minute}, -time.Minute, "if it is right, theirs are wrong"},
		"what no difference can hold":   {[]time.Duration{1 << 62, 1 << 62}, -1 << 62, "behind"},
		"less than messages may take":   {[]time.Duration{-9 * time.Second}, 9 * time.Second, "agrees with those of its 1 peers"},
		"as long as messages may take":  {[]time.Duration{-10 * time.Second}, 10 * time.Second, "10s ahead of"},
		"late by more than a block may": {[]time.Duration{90 * time.Second}, -90 * time.Second, "a node that is more than a minute behind takes no block"},
	} {
		var others []time.Time
		for _, apart := range c.peers {
			others = append(others, at.Add(apart))
		}
		r := compare(at, others)
		if r.Ahead != c.ahead || r.Peers != len(c.peers) || r.Wrong() != (c.ahead.Abs() >= Wrong) || !strings.Contains(r.String(), c.says) {
			t.Errorf("%s: %+v, %s", name, r, r)
		}
	}
}

// A message that was under way for long makes its sender's clock seem late; a clock that was set is believed after three.
func TestTheFastestOfThreeMessagesCounts(t *testing.T) {
	at, h := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), &heard{}
	if _, ok := h.best(); ok {
		t.Error("a peer that has told nothing has a clock")
	}
	for i, told := range []struct{ began, best time.Duration }{{-time.Minute, -time.Minute}, {0, 0}, {-time.Minute, 0}, {-time.Hour, 0}, {-time.Hour, -time.Minute}, {-time.Hour, -time.Hour}, {time.Hour, time.Hour}} {
		h.add(at.Add(told.began))
		if got, ok := h.best(); !ok || got != at.Add(told.best) {
			t.Errorf("after message %d: %v", i, got.Sub(at))
		}
	}
}

// pair connects two nodes that have nothing but clocks.
func pair(t *testing.T) (own, other *Clock) {
	t.Helper()
	clocks := []*Clock{New(), New()}
	switches := p2p.MakeConnectedSwitches(config.TestP2PConfig(), 2, func(i int, s *p2p.Switch) *p2p.Switch {
		s.AddReactor(Name, clocks[i])
		return s
	}, p2p.Connect2Switches)
	t.Cleanup(func() {
		for _, s := range switches {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return clocks[0], clocks[1]
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came: " + what)
		}
	}
}

func TestPeersTellTheirTimeAtOnce(t *testing.T) {
	own, other := pair(t)
	until(t, "the other's time", func() bool { return own.Read().Peers == 1 && other.Read().Peers == 1 })
	if r := own.Read(); r.Wrong() {
		t.Errorf("clocks of one machine: %s", r)
	}
	other.Switch.Peers().ForEach(func(p p2p.Peer) {
		p.Send(p2p.Envelope{ChannelID: Channel, Message: &types.Timestamp{Seconds: time.Now().Add(time.Hour).Unix()}})
	})
	until(t, "a time an hour ahead", func() bool { return own.Read().Wrong() })
	if r := own.Read(); (r.Ahead + time.Hour).Abs() > time.Minute {
		t.Error(r)
	}
}

func TestAPeerThatTellsNoTimeEnds(t *testing.T) {
	own, other := pair(t)
	other.Switch.Peers().ForEach(func(p p2p.Peer) {
		p.Send(p2p.Envelope{ChannelID: Channel, Message: &types.Timestamp{Seconds: 1, Nanos: -1}})
	})
	until(t, "the end", func() bool { return own.Switch.Peers().Size() == 0 })
	if r := own.Read(); r.Peers != 0 || r.Wrong() {
		t.Error(r)
	}
}

// FuzzReceive hears any message: it is a time, which may be any, or ends its peer.
func FuzzReceive(f *testing.F) {
	for _, told := range []*types.Timestamp{{}, {Seconds: 1 << 40}, {Seconds: -62135596800}, {Seconds: 253402300799, Nanos: 999999999}, {Nanos: -1}} {
		b, err := told.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	c := New()
	s := p2p.MakeSwitch(config.TestP2PConfig(), 0, func(_ int, s *p2p.Switch) *p2p.Switch {
		s.AddReactor(Name, c)
		return s
	})
	peer := mock.NewPeer(nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		var told types.Timestamp
		if told.Unmarshal(b) != nil {
			return // CometBFT ends such a peer itself
		}
		c.InitPeer(peer)
		c.Receive(p2p.Envelope{Src: peer, ChannelID: Channel, Message: &told})
		at, is := peer.Get(key).(*heard).best()
		if _, err := types.TimestampFromProto(&told); is != (err == nil) {
			t.Errorf("%v, %v, %v", told, is, err)
		}
		if is {
			_ = compare(time.Now(), []time.Time{at}).String()
		}
		_ = s
	})
}
