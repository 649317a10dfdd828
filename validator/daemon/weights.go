package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	subnettypes "agora/chain/x/subnet/types"
	"agora/engine/native/ladder"
	"agora/engine/native/store"
	"agora/validator/exam"
	"agora/wire/blob"
)

// Weights gets models by their digests: what ships and what the store of this machine holds is here; the rest comes from servers that
// name it, from the gateways of validators, and from where its author says that it lies.
type Weights struct {
	Store    *store.Store
	Chain    directory
	Private  bool                            // private addresses are dialled too: local networks only
	Servers  func(digest string) []blob.Peer // that are connected and name it; nil for none
	Progress func(have, of int64)            // may be nil

	mu   sync.Mutex
	busy map[[32]byte]*sync.Mutex // a file is fetched once at a time
}

// directory tells where validators' gateways are.
type directory interface {
	Profiles(ctx context.Context) ([]subnettypes.Profile, error)
}

// Fetch is a model's file on this machine. The error is exam.ErrNotHere where nobody gives it, else of ctx, of the chain or of the disk.
func (w *Weights) Fetch(ctx context.Context, m exam.Listed) (string, error) {
	e, err := w.Get(ctx, m)
	return e.Path, err
}

// Get is Fetch with all that the store knows of the file.
func (w *Weights) Get(ctx context.Context, m exam.Listed) (store.Entry, error) {
	defer w.turn(m.Digest)()
	digest := exam.SpellDigest(m.Digest)
	if e, err := w.Store.FindDigest(digest); !errors.Is(err, store.ErrNotHere) {
		return e, err
	}
	profiles, err := w.Chain.Profiles(ctx)
	if err != nil {
		return store.Entry{}, fmt.Errorf("who gives %.19s: %w", digest, err)
	}
	var peers []blob.Peer
	if w.Servers != nil {
		peers = w.Servers(digest)
	}
	var gateways []string
	for _, p := range profiles {
		gateways = append(gateways, p.GatewayUrl)
	}
	asks := blob.NewClient(w.Private)
	defer asks.CloseIdleConnections()
	e, err := w.Store.Fetch(ctx, store.Published{
		Digest: digest, Name: cmp.Or(m.Name, digest[len("sha256:"):][:12]), Licence: m.Licence, Root: m.Root, Bytes: m.Bytes,
	}, append(peers, blob.Peers(gateways, m.Sources, asks)...), w.Progress)
	for _, theirs := range []error{blob.ErrNoPeer, blob.ErrWrong, blob.ErrTooLarge, blob.ErrManifest} {
		if errors.Is(err, theirs) {
			return e, errors.Join(exam.ErrNotHere, err)
		}
	}
	return e, err
}

// Mend puts away what is damaged of a model's files here, so that Fetch gets them again.
func (w *Weights) Mend(m exam.Listed) error {
	defer w.turn(m.Digest)()
	return w.Store.Mend(exam.SpellDigest(m.Digest))
}

// turn waits until nobody else fetches a model.
func (w *Weights) turn(digest [32]byte) (done func()) {
	w.mu.Lock()
	if w.busy == nil {
		w.busy = map[[32]byte]*sync.Mutex{}
	}
	m := w.busy[digest]
	if m == nil {
		m = &sync.Mutex{}
		w.busy[digest] = m
	}
	w.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// Fetch is that of the program's own weights: whoever shares its room with others fetches through one of them.
func (d *Daemon) Fetch(ctx context.Context, m exam.Listed) (string, error) {
	return d.weights.Fetch(ctx, m)
}

// Servers are the connected miners whose cards name a model; they are asked for its file over the wire.
func (d *Daemon) Servers(digest string) (peers []blob.Peer) {
	for _, status := range d.judge.Status() {
		for _, m := range d.judge.Miners(status.NetUID) {
			if m.Connected && m.Card != nil && m.Card.Digest == digest {
				way := d.hub.RoundTripper(status.NetUID, m.HotKey)
				peers = append(peers, blob.At(fmt.Sprintf("http://uid-%d.subnet-%d", m.UID, status.NetUID), &http.Client{Transport: way}))
			}
		}
	}
	return peers
}

// gives is what this program gives to whoever asks for a digest.
func (d *Daemon) gives() http.Handler {
	return blob.NewServer(append(blob.Libraries{ladder.Library{}, d.weights.Store}, d.cfg.Gives...))
}
