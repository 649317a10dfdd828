package localnet

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"

	modeltypes "agora/chain/x/model/types"
	"agora/engine/native"
	"agora/engine/native/chat"
	"agora/engine/native/llm"
	"agora/engine/native/store"
)

const (
	authorName    = "author" // account that published the chat models
	authorShare   = 2_000    // of 10,000 of what serving a chat model earns
	itemsPerTempo = 16       // asked of every chat model
	sizeStep      = 4        // the next smaller model that is published has at most a quarter of the parameters
)

// modelsDir is where validators find weights that do not ship, each file named by its digest.
func modelsDir(home string) string { return filepath.Join(home, "models") }

// published lists the chat models that the market's author publishes: of those that ship the best one, and then the best of at most a
// quarter of the size.
func published() []chat.ModelCard {
	var list []chat.ModelCard
	for _, card := range slices.Backward(chat.Cards()) {
		if n := len(list); n == 0 || card.Parameters*sizeStep <= list[n-1].Parameters {
			list = append(list, card)
		}
	}
	return list
}

// models is the book of models that a new market begins with.
func (p *plan) models() (*modeltypes.GenesisState, error) {
	s := modeltypes.DefaultGenesis()
	author := p.keys.account(authorName).String()
	for _, card := range published() {
		s.Models = append(s.Models, modeltypes.Model{
			Netuid: chatNet, Digest: card.Digest, Author: author, Index: s.NextIndex, Name: card.Name, Licence: card.Licence, Format: modeltypes.Chat,
			Bytes: uint64(2 * card.Parameters), Parameters: uint64(card.Parameters), AuthorShare: authorShare,
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
		m.Author, m.Index = author, s.NextIndex
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
