package localnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	modeltypes "agora/chain/x/model/types"
	"agora/engine/native"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/store"
	"agora/validator/daemon"
	"agora/validator/exam"
	"agora/wire/blob"
)

const (
	authorName    = "author" // account that published the chat models
	authorShare   = 2_000    // of 10,000 of what serving a chat model earns
	itemsPerTempo = 16       // asked of every chat model
)

// modelsDir is where the validators of a market keep weights that do not ship.
func modelsDir(home string) string { return filepath.Join(home, "models") }

// library is where a market's validators find models: the store of this machine, and what they have fetched themselves.
func (m *Market) library() (here, fetched *store.Store, err error) {
	if here, err = store.Open(m.Store); err != nil {
		return nil, nil, err
	}
	fetched, err = store.Open(modelsDir(m.Home))
	return here, fetched, err
}

// shelf finds weights on this machine, else at the servers that name them, as a validator of its own would.
func (m *Market) shelf(here, fetched *store.Store) *exam.Shelf {
	weights := &daemon.Weights{Store: fetched, Chain: m.clients[0], Private: true, Servers: func(digest string) []blob.Peer {
		if d := m.first.Load(); d != nil {
			return d.Servers(digest)
		}
		return nil
	}}
	fetch := func(ctx context.Context, l exam.Listed) (string, error) {
		if e, err := here.FindDigest(exam.SpellDigest(l.Digest)); err == nil {
			return e.Path, nil
		}
		return weights.Fetch(ctx, l)
	}
	mend := func(l exam.Listed) error { return errors.Join(here.Mend(exam.SpellDigest(l.Digest)), weights.Mend(l)) }
	return &exam.Shelf{Fetch: fetch, Mend: mend, Within: exam.FetchWithin}
}

// published lists the chat models that the market's author publishes, best first: all that ship.
func published() []ladder.Card {
	list := slices.Clone(ladder.Cards())
	slices.Reverse(list)
	return list
}

// models is the book of models that a new market begins with.
func (p *plan) models(now time.Time) (*modeltypes.GenesisState, error) {
	s := modeltypes.DefaultGenesis()
	author := p.keys.account(authorName).String()
	for _, card := range published() {
		s.Models = append(s.Models, modeltypes.Model{
			Netuid: chatNet, Digest: card.Digest, Author: author, Index: s.NextIndex, Name: card.Name, Licence: card.Licence, Format: modeltypes.GGUF,
			Bytes: uint64(card.Bytes), Parameters: uint64(card.Parameters), AuthorShare: authorShare, PublishedUnix: now.Unix(),
		})
		s.NextIndex++
	}
	if len(p.Models) == 0 {
		return s, nil
	}
	market := modeltypes.Market{Netuid: languageNet}
	for _, name := range p.Models {
		m, err := p.stored(name)
		if err != nil {
			return nil, err
		}
		m.Author, m.Index, m.PublishedUnix = author, s.NextIndex, now.Unix()
		s.NextIndex++
		s.Models = append(s.Models, m)
		s.Commons = append(s.Commons, modeltypes.Common{Netuid: languageNet, Digest: m.Digest})
		market.Served = append(market.Served, modeltypes.Served{Digest: m.Digest, Part: 1})
	}
	s.Markets = append(s.Markets, market)
	return s, nil
}

// stored describes a model of the store, which nobody here is the author of.
func (p *plan) stored(name string) (modeltypes.Model, error) {
	models, err := store.Open(p.Store)
	if err != nil {
		return modeltypes.Model{}, err
	}
	e, err := native.Open(name, models, llm.Options{Context: openContext})
	if err != nil {
		return modeltypes.Model{}, err
	}
	if c, ok := e.(io.Closer); ok {
		defer c.Close() // it was read only
	}
	known, ok := e.(*llm.Engine)
	if !ok {
		return modeltypes.Model{}, fmt.Errorf("%s ships with the program and is in the markets already: give --model a model of the store", name)
	}
	entry, err := models.Find(name)
	if err != nil {
		return modeltypes.Model{}, err
	}
	return modeltypes.Model{
		Netuid: languageNet, Digest: known.Info().Digest, Name: entry.Name, Licence: entry.Licence, Format: modeltypes.GGUF,
		Bytes: uint64(entry.Bytes), Parameters: uint64(known.Parameters()),
	}, nil
}
