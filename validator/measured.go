package validator

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"agora/validator/burst"
	"agora/validator/exam"
)

// CapacityPath is where a validator tells what it measured of servers at the last moments: CapacityPath + netuid.
const CapacityPath = "/v1/capacity/"

// measured is what is known of what servers can do; nil knows nothing.
type measured struct{ *burst.Known }

// measured is what counts in the running tempo: of moments before it, with what other voices tell.
func (v *Validator) measured(s *seat) *measured {
	t, ok := s.course.Running()
	m := v.directory.market(s.netuid)
	if !ok || m == nil || v.rows == nil {
		return nil
	}
	var others []burst.Teller
	for _, o := range m.heard {
		if !v.directory.hotKey.Equal(ed25519.PublicKey(o.key[:])) {
			others = append(others, burst.Teller{Voice: o.key, Stake: o.stake})
		}
	}
	return &measured{v.rows.Known(s.netuid, t.Height, m.stake, others)}
}

// capacity says how much a server can do; nil before anything was measured in the subnet: then all are alike.
func (m *measured) capacity() func(exam.Server) uint64 {
	if m == nil || len(m.Moments) == 0 {
		return nil
	}
	stakes := m.Stakes()
	return func(s exam.Server) uint64 {
		return burst.Capacity(m.Of(burst.ID{UID: s.UID, Registered: s.Registered}), stakes)
	}
}

// Capacity is what a server can do in the running tempo, in thousandths of a token in a second, and its figures of the last moments;
// false where nothing was measured.
func (v *Validator) Capacity(netuid uint32, server exam.Server) (capacity uint64, figures []uint64, ok bool) {
	s := v.seat(netuid)
	if s == nil || s.course == nil {
		return 0, nil, false
	}
	m := v.measured(s)
	if m == nil || len(m.Moments) == 0 {
		return 0, nil, false
	}
	list, stakes := m.Of(burst.ID{UID: server.UID, Registered: server.Registered}), m.Stakes()
	for i := range list {
		figures = append(figures, list[i].Figure(stakes))
	}
	return burst.Capacity(list, stakes), figures, true
}

// ServeCapacity answers GET CapacityPath + netuid: the rows of the last moments. The signature in the header is the voice's.
func (v *Validator) ServeCapacity(w http.ResponseWriter, r *http.Request) {
	netuid, err := strconv.ParseUint(strings.TrimPrefix(r.URL.Path, CapacityPath), 10, 32)
	if err != nil || v.Course(uint32(netuid)) == nil || v.rows == nil {
		http.Error(w, `{"error":"no subnet of open models with this number is served here"}`, http.StatusNotFound)
		return
	}
	text, signature, err := burst.Tell(v.cfg.Client.ChainID(), uint32(netuid), v.rows.Own(uint32(netuid)), v.cfg.HotKey)
	if err != nil { // numbers always marshal
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(SignatureHeader, signature)
	_, _ = w.Write(text) // whoever left needs no answer
}

// hearRows asks the other validators what they have measured.
func (c *caller) hearRows(ctx context.Context) {
	m := c.directory.market(c.netuid)
	if m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, proofsWithin)
	defer cancel()
	client := c.asksOthers()
	var asks sync.WaitGroup
	defer asks.Wait()
	for _, p := range m.peers {
		asks.Go(func() {
			rows, err := c.rowsOf(ctx, client, p)
			if err == nil {
				err = c.rows.Hear(c.netuid, [32]byte(p.key), rows)
			}
			if err != nil && ctx.Err() == nil {
				c.cfg.Log.Debug("a validator does not tell what it has measured", "netuid", c.netuid, "gateway", p.gateway, "err", err)
			}
		})
	}
}

func (c *caller) rowsOf(ctx context.Context, client *http.Client, p peer) ([]burst.Row, error) {
	text, signature, err := toldBy(ctx, client, p, CapacityPath+strconv.Itoa(int(c.netuid)), burst.MaxText)
	if err != nil {
		return nil, err
	}
	return burst.Hear(text, signature, p.key, c.cfg.Client.ChainID(), c.netuid)
}
