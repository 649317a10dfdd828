package localnet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	"agora/engine"
	"agora/engine/command"
	backend "agora/engine/openai"
	"agora/task/kit"
	"agora/task/wasm"
	"agora/task/wasm/meter"
)

// sense is a market of what is no text, whose task is one of the templates. It is opened where what its miners are made of is installed.
type sense struct {
	name, template, purpose string
	miners                  []Miner // the better one first
	missing                 func() error
}

// What mines the markets of senses, in Miner.Engine.
const (
	programs = "command"  // programs of this machine
	vectors  = "llamacpp" // all-MiniLM-L6-v2 on llama.cpp's server, as many layers of it as its name says
)

var senses = []sense{
	{
		"speech", "speech", "Texts spoken so clearly that a recogniser writes the same words down.",
		[]Miner{
			{Model: "flite", Engine: programs, Programs: []string{"flite", "pocketsphinx"}},
			{Model: "espeak-ng", Engine: programs, Programs: []string{"espeak-ng", "pocketsphinx"}},
		},
		nil,
	},
	{
		"reading", "reading", "What pictures say, letter by letter.",
		[]Miner{{Model: "tesseract", Engine: programs, Programs: []string{"tesseract"}}, {Model: "ocrad", Engine: programs, Programs: []string{"ocrad"}}},
		nil,
	},
	{
		"embeddings", "retrieval", "Vectors of texts, near where the texts say the same.",
		[]Miner{{Model: "all-MiniLM-L6-v2", Engine: vectors}, {Model: "all-MiniLM-L1", Engine: vectors}},
		vectorsMissing,
	},
}

// lacks says what to install before this sense can have a market here; nil where all is there.
func (s sense) lacks() error {
	var all []error
	if s.missing != nil {
		all = append(all, s.missing())
	}
	var names []string
	for _, m := range s.miners {
		names = append(names, m.Programs...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		_, err := command.Open(command.Options{}, name)
		all = append(all, err)
	}
	return errors.Join(all...)
}

// buildTime is for three modules on a machine that has built nothing yet.
const buildTime = 10 * time.Minute

// openSenses adds the markets of senses to a new plan and puts their modules where the validators look for them.
func (p *plan) openSenses() error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	for _, s := range senses {
		if err := s.lacks(); err != nil {
			p.say("        no market of %s, because this machine lacks something:\n%v", s.name, err)
			continue
		}
		p.say("        building the task of the market of %s", s.name)
		code, err := kit.Module(ctx, s.template)
		if err != nil {
			return fmt.Errorf("the task of %s: %w", s.name, err)
		}
		digest := wasm.DigestOf(code)
		netuid := uint32(len(p.file.Subnets)) + 1
		p.file.Subnets = append(p.file.Subnets, Subnet{NetUID: netuid, Name: s.name, Task: "sha256:" + digest.String(), Purpose: s.purpose})
		for _, m := range s.miners {
			m.NetUID, m.Name, m.HotKey = netuid, m.Model, hotHex(p.keys, m.Model)
			p.file.Miners = append(p.file.Miners, m)
		}
		for i := range p.Validators {
			if err := p.shelve(i, digest, code); err != nil {
				return err
			}
		}
	}
	return nil
}

// shelve puts a module on a validator's shelf, as if it had fetched it.
func (p *plan) shelve(i int, d wasm.Digest, code []byte) error {
	if len(code) > meter.MaxBytes {
		return fmt.Errorf("the module has %d bytes, at most %d are run", len(code), meter.MaxBytes)
	}
	dir := filepath.Join(nodeHome(p.Home, i), "validator", "tasks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, d.String()+".wasm"), code, 0o600)
}

// mechanism is what judges a market.
func (s Subnet) mechanism() subnettypes.Mechanism {
	if s.Task != "" {
		return subnettypes.Mechanism{Id: subnettypes.TaskModule, Digest: s.Task}
	}
	return subnettypes.Mechanism{Id: map[string]string{"chat": "exact:3+grammar:1", "continuation": "continuation", languageName: "serve"}[s.Name]}
}

// proxied is an engine that is served as it answers, through no engine of this process.
type proxied interface {
	engine.Engine
	http.Handler
}

// server is a model server that was asked what it can do.
type server struct {
	*backend.Backend
	info engine.Info
	stop func() error
}

func (s *server) Info() engine.Info { return s.info }

// Close ends the server.
func (s *server) Close() error {
	s.Backend.Close()
	return s.stop()
}

var (
	_ proxied = (*command.Backend)(nil)
	_ proxied = (*server)(nil)
)
