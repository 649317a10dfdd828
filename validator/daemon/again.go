package daemon

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/mechanism/frontier"
	"agora/validator"
	"agora/validator/audit"
	"agora/validator/evidence"
	"agora/validator/exam"
	"agora/wire"
)

// Again says whose weights are computed again, and with what.
type Again struct {
	Client  *client.Client
	Gateway string // base URL of the validator
	NetUID  uint32
	Epoch   uint64
	Fetch   func(context.Context, exam.Listed) (path string, err error) // of weights
	Room    *exam.Room                                                  // where models are run, shared with others; nil for one of its own, with Fetch
	Samples int                                                         // examples that are run again; negative for all
	Chain   bool                                                        // it must be the weights that the chain has now
}

// Audited is what was found to be identical.
type Audited struct {
	Validator string `json:"validator"`
	Voice     string `json:"voice"` // peer id
	NetUID    uint32 `json:"netuid"`
	Epoch     uint64 `json:"epoch"`
	Servers   int    `json:"servers"`
	Paid      int    `json:"paid"`     // of them, by the voice's word
	Models    int    `json:"models"`   // whose examinations were made again
	Items     int64  `json:"items"`    // of all of them
	Examples  int    `json:"examples"` // answers that were run again and are their models'
	Moments   int    `json:"moments"`  // at which servers were measured
	Receipts  int    `json:"receipts"` // of the last of them
	Cards     bool   `json:"cards"`    // the servers are those that the chain has of that tempo; else the chain has it no more
	OnChain   bool   `json:"on_chain"` // the weights are those that the chain has of the voice; else it has later ones
}

// Run computes the weights of a voice again, from the chain and the models' weights. What it takes from the voice is who was there and
// gave its model's answers; of that it repeats examples. The error is evidence.ErrDiffers with the first difference, evidence.ErrForged,
// or what kept this machine from finding out.
func (a *Again) Run(ctx context.Context) (*Audited, error) {
	e, voice, err := a.fetch(ctx)
	if err != nil {
		return nil, err
	}
	r := &Audited{Validator: a.Gateway, Voice: e.Voice, NetUID: a.NetUID, Epoch: a.Epoch, Servers: len(e.Servers)}
	servers, err := e.ServersAt()
	if err != nil {
		return nil, err
	}
	for _, s := range e.Servers {
		if s.Paid {
			r.Paid++
		}
	}
	if r.Cards, err = a.cards(ctx, servers); err != nil {
		return nil, err
	}
	if err := a.recount(ctx, e, servers, r); err != nil {
		return nil, err
	}
	if r.OnChain, err = a.onChain(ctx, e, voice); err != nil {
		return nil, err
	}
	if a.Chain && !r.OnChain {
		return nil, fmt.Errorf("the chain has no weights of epoch %d of this voice now", a.Epoch)
	}
	return r, nil
}

// fetch reads the evidence and holds it to what was asked for, and to a voice of the chain.
func (a *Again) fetch(ctx context.Context) (*evidence.Evidence, ed25519.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	url := fmt.Sprintf("%s%s%d/%d", strings.TrimSuffix(strings.TrimSuffix(a.Gateway, "/"), "/v1"), validator.EvidencePath, a.NetUID, a.Epoch)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, evidence.MaxSize+1))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", resp.Status, bytes.TrimSpace(text))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("evidence of %s: %w", url, err)
	}
	e, key, err := evidence.Read(text, resp.Header.Get(validator.SignatureHeader))
	if err != nil {
		return nil, nil, err
	}
	if e.ChainID != a.Client.ChainID() || e.NetUID != a.NetUID || e.Epoch != a.Epoch {
		return nil, nil, fmt.Errorf("%w: it is of epoch %d of subnet %d on %q", evidence.ErrForged, e.Epoch, e.NetUID, e.ChainID)
	}
	voices, err := a.Client.Voices(ctx, a.NetUID)
	if err != nil {
		return nil, nil, err
	}
	if !slices.ContainsFunc(voices, func(v subnettypes.VoiceEntry) bool { return key.Equal(ed25519.PublicKey(v.HotKey)) }) {
		return nil, nil, fmt.Errorf("%w: the chain knows no voice %s in subnet %d", evidence.ErrForged, e.Voice, a.NetUID)
	}
	return e, key, nil
}

// cards holds the servers to those that the chain has of the tempo; false where it has none any more.
func (a *Again) cards(ctx context.Context, told []exam.Server) (bool, error) {
	own, err := validator.ServersOf(ctx, a.Client, a.NetUID, a.Epoch)
	if errors.Is(err, client.ErrUnreachable) || ctx.Err() != nil {
		return false, err
	}
	if err != nil {
		return false, nil
	}
	if !slices.Equal(own, told) {
		return false, fmt.Errorf("%w: it tells of %d servers, the chain has others of that tempo: %d", evidence.ErrDiffers, len(told), len(own))
	}
	return true, nil
}

// recount examines the models again and compares what follows.
func (a *Again) recount(ctx context.Context, e *evidence.Evidence, servers []exam.Server, r *Audited) (err error) {
	course, room, end, err := a.course(ctx, servers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	course.Begin(a.Epoch)
	if course.Work(ctx) {
		return errors.Join(context.Cause(ctx), fmt.Errorf("not all was examined: %s", course.Progress().LastError))
	}
	if r.Receipts, err = e.Sound(a.tempoOf(ctx, course)); err != nil {
		return err
	}
	r.Moments = len(e.Moments)
	b, err := course.Ballot(ctx, exam.Found{Alive: e.Paid(), Can: e.Can(), Service: e.Services()})
	if err != nil {
		return err
	}
	for i, s := range e.Servers {
		if own := b.Capacity[i]; s.Capacity != own {
			return fmt.Errorf("%w: uid %d is told to do %d thousandths of a token in a second, by its figures it is %d", evidence.ErrDiffers, s.UID, s.Capacity, own)
		}
	}
	weights, err := validator.Within(ctx, a.Client, a.NetUID, b.Weights)
	if err != nil {
		return err
	}
	models := evidence.ModelsOf(b.Standings)
	if err := e.Compare(models, b.UIDs, weights); err != nil {
		return err
	}
	r.Models = len(models)
	for _, m := range models {
		r.Items += m.Items
	}
	r.Examples, err = a.repeat(ctx, e, course, room)
	return err
}

// backTempos is how far before an epoch its last moment may lie, in tempos.
const backTempos = 16

// tempoOf tells the first half of the nonces of the tempo that a block is in, as far as the chain tells.
func (a *Again) tempoOf(ctx context.Context, course *exam.Course) func(int64) ([8]byte, bool) {
	return func(block int64) ([8]byte, bool) {
		for epoch := a.Epoch; epoch+backTempos > a.Epoch; epoch-- {
			t, err := course.Sitting(ctx, epoch)
			if err != nil {
				return [8]byte{}, false
			}
			if t.Height <= block {
				return [8]byte(t.Seed[:8]), true
			}
			if epoch == 0 {
				break
			}
		}
		return [8]byte{}, false
	}
}

// course is an examination of the models that were served, with a store of its own.
func (a *Again) course(ctx context.Context, servers []exam.Server) (*exam.Course, *exam.Room, func() error, error) {
	subnet, err := a.Client.Subnet(ctx, a.NetUID)
	if err != nil {
		return nil, nil, nil, err
	}
	contest, done, err := ContestOf(a.Client, subnet)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("subnet %d is no market of open models: %w", a.NetUID, err)
	}
	dir, err := os.MkdirTemp("", "agora-audit")
	if err != nil {
		return nil, nil, nil, errors.Join(err, done())
	}
	store, err := exam.OpenStore(filepath.Join(dir, "exam.db"))
	if err != nil {
		return nil, nil, nil, errors.Join(err, os.RemoveAll(dir), done())
	}
	room, close := a.Room, func() error { return nil }
	if room == nil {
		room = exam.NewRoom(&exam.Shelf{Fetch: a.Fetch}, 1)
		close = room.Close
	}
	course := exam.NewCourse(exam.Config{
		NetUID: a.NetUID, Contest: contest, Rules: frontier.DefaultRules(), Chain: validator.Past(a.Client, a.NetUID, a.Epoch, servers),
		Room: room, Store: store, Log: slog.New(slog.DiscardHandler),
	})
	return course, room, func() error { return errors.Join(close(), store.Close(), os.RemoveAll(dir), done()) }, nil
}

// repeat runs examples of paid servers again.
func (a *Again) repeat(ctx context.Context, e *evidence.Evidence, course *exam.Course, room *exam.Room) (n int, err error) {
	shelf := audit.Shelf{Room: room, Find: func(_ uint32, d [32]byte) (exam.Listed, bool) { return course.Find(d) }}
	for _, s := range e.Servers {
		if !s.Paid || s.Example == nil || n == a.Samples {
			continue
		}
		server := audit.ServerID{NetUID: e.NetUID, UID: s.UID, Registered: s.Registered}
		err := s.Example.Right(ctx, shelf, e.ChainID, e.Voice, s.HotKey, server, s.Digest)
		switch {
		case errors.Is(err, audit.ErrNotHere), errors.Is(err, audit.ErrEngine), ctx.Err() != nil:
			return n, fmt.Errorf("the example of uid %d cannot be run again: %w", s.UID, err)
		case err != nil:
			return n, fmt.Errorf("%w: the example of uid %d: %w", evidence.ErrDiffers, s.UID, err)
		}
		n++
	}
	return n, nil
}

// onChain says whether the chain has these weights of the voice; false where it has later ones. Other weights of the epoch are an error.
func (a *Again) onChain(ctx context.Context, e *evidence.Evidence, voice ed25519.PublicKey) (bool, error) {
	voices, err := a.Client.Voices(ctx, a.NetUID)
	if err != nil {
		return false, err
	}
	subnet, err := a.Client.Subnet(ctx, a.NetUID)
	if err != nil {
		return false, err
	}
	schedule, err := a.Client.Schedule(ctx, a.NetUID)
	if err != nil {
		return false, err
	}
	reply, err := yumatypes.NewQueryClient(a.Client.Conn()).Weights(ctx, &yumatypes.QueryWeightsRequest{Netuid: a.NetUID})
	if err != nil {
		return false, err
	}
	for _, v := range voices {
		if !voice.Equal(ed25519.PublicKey(v.HotKey)) {
			continue
		}
		for _, row := range reply.Rows {
			if row.Operator != v.Voice.Operator || row.Epoch != a.Epoch+uint64(schedule.RevealDelay) {
				continue
			}
			packed, err := yumatypes.NewWeightRules(subnet.Size_, yumatypes.Rules{MaxWeightLimit: row.MaxWeightLimit}).Pack(e.UIDs, e.Weights)
			if err != nil || !bytes.Equal(packed, row.Entries) {
				return false, fmt.Errorf("%w: the chain has other weights of %s in epoch %d", evidence.ErrDiffers, wire.PeerID(voice), a.Epoch)
			}
			return true, nil
		}
	}
	return false, nil
}
