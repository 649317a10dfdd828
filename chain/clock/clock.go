// Package clock compares a node's clock with those of the nodes it is connected to, and says when it is wrong. Consensus takes no
// part in it: what peers say of their clocks is advice to an operator, and changes nothing.
package clock

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cometbft/cometbft/p2p"
	"github.com/cosmos/gogoproto/types"
)

const (
	Channel = byte(0x70)       // of CometBFT's connection between two nodes
	Name    = "CLOCK"          // of the reactor
	Query   = "/agora/clock"   // path of the query that a node answers with a Reading
	Wrong   = 10 * time.Second // apart is wrong: no message between two nodes that work takes that long

	every  = 10 * time.Second // how often each peer is told the time
	repeat = time.Minute      // how often the log says that the clock is wrong
	key    = "agora.clock"    // by which CometBFT keeps what a peer's clock showed
)

// Reading is a node's clock beside its peers'.
type Reading struct {
	Ahead time.Duration `json:"ahead_ns"` // of the median of the peers' clocks; behind it if negative
	Peers int           `json:"peers"`    // that have told theirs; Ahead is 0 if none has
}

// Wrong says whether the clocks are too far apart.
func (r Reading) Wrong() bool { return r.Ahead.Abs() >= Wrong }

// String says how the clock is and, where it is wrong, what to do.
func (r Reading) String() string {
	if r.Peers == 0 {
		return "no peer has told its time"
	}
	if !r.Wrong() {
		return fmt.Sprintf("the clock agrees with those of its %d peers", r.Peers)
	}
	way, cost := "ahead of", "it can move the blocks' time"
	if r.Ahead < 0 {
		way, cost = "behind", "a node that is more than a minute behind takes no block"
	}
	return fmt.Sprintf("the clock of this node's machine is %v %s the clocks of most of its %d peers (%s): set it, and keep it by NTP (`timedatectl` shows both); if it is right, theirs are wrong",
		r.Ahead.Abs().Round(time.Second), way, r.Peers, cost)
}

// Clock tells peers the time and hears theirs. Read may be called from several goroutines.
type Clock struct {
	p2p.BaseReactor
	began time.Time // monotonic: what is measured from it knows of no clock that is set
	stop  chan struct{}
	work  sync.WaitGroup
}

// New is a clock that begins with its node.
func New() *Clock {
	c := &Clock{began: time.Now(), stop: make(chan struct{})}
	c.BaseReactor = *p2p.NewBaseReactor(Name, c)
	return c
}

// GetChannels describes the channel: a message is a Timestamp, at most 17 bytes.
func (c *Clock) GetChannels() []*p2p.ChannelDescriptor {
	return []*p2p.ChannelDescriptor{{ID: Channel, Priority: 1, SendQueueCapacity: 1, RecvMessageCapacity: 32, MessageType: &types.Timestamp{}}}
}

// OnStart tells the time until OnStop.
func (c *Clock) OnStart() error {
	c.work.Go(c.run)
	return nil
}

// OnStop waits for what OnStart began.
func (c *Clock) OnStop() {
	close(c.stop)
	c.work.Wait()
}

func (c *Clock) run() {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var said time.Time
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		c.Switch.Peers().ForEach(tell)
		switch r := c.Read(); {
		case r.Wrong() && (said.IsZero() || time.Since(said) >= repeat):
			c.Logger.Error(r.String())
			said = time.Now()
		case !r.Wrong() && !said.IsZero():
			c.Logger.Info("the clock is right again: " + r.String())
			said = time.Time{}
		}
	}
}

// tell sends a peer the time; one that has not yet taken the last is told the next.
func tell(p p2p.Peer) {
	now := time.Now()
	p.TrySend(p2p.Envelope{ChannelID: Channel, Message: &types.Timestamp{Seconds: now.Unix(), Nanos: int32(now.Nanosecond())}})
}

// InitPeer makes room for a peer's clock.
func (*Clock) InitPeer(p p2p.Peer) p2p.Peer {
	p.Set(key, &heard{})
	return p
}

// AddPeer tells a new peer the time at once.
func (*Clock) AddPeer(p p2p.Peer) { tell(p) }

// Receive hears a peer's time. A peer that tells none ends.
func (c *Clock) Receive(e p2p.Envelope) {
	told, ok := e.Message.(*types.Timestamp)
	if !ok {
		c.Switch.StopPeerForError(e.Src, fmt.Errorf("its time is a %T", e.Message))
		return
	}
	theirs, err := types.TimestampFromProto(told)
	if err != nil {
		c.Switch.StopPeerForError(e.Src, fmt.Errorf("its time is none: %w", err))
		return
	}
	if h, ok := e.Src.Get(key).(*heard); ok {
		h.add(theirs.Add(-time.Since(c.began)))
	}
}

// Read compares the clocks as they are now.
func (c *Clock) Read() Reading {
	now := time.Now()
	var began []time.Time
	c.Switch.Peers().ForEach(func(p p2p.Peer) {
		if h, ok := p.Get(key).(*heard); ok {
			if at, ok := h.best(); ok {
				began = append(began, at)
			}
		}
	})
	return compare(now.Round(0).Add(-now.Sub(c.began)), began)
}

// compare holds a clock against others, by what each shows for one moment. Of an even number's two medians that counts which is nearer.
func compare(own time.Time, others []time.Time) Reading {
	var ahead []time.Duration
	for _, at := range others {
		ahead = append(ahead, own.Sub(at))
	}
	slices.Sort(ahead)
	n := len(ahead)
	if n == 0 {
		return Reading{}
	}
	r := Reading{Ahead: ahead[n/2], Peers: n}
	if low := ahead[(n-1)/2]; low.Abs() < r.Ahead.Abs() {
		r.Ahead = low
	}
	return r
}

// heard is what a peer's clock showed when this node began, by each of its last three messages. The longer one was under way the earlier
// that seems, so the latest is nearest to the truth.
type heard struct {
	mu    sync.Mutex
	began [3]time.Time
	n     int
}

func (h *heard) add(began time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.began[h.n%len(h.began)] = began
	h.n++
}

func (h *heard) best() (at time.Time, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.MaxFunc(h.began[:], time.Time.Compare), h.n > 0
}
