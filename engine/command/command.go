// Package command serves programs of this machine as models: espeak-ng and flite speak, pocketsphinx writes down what is said, tesseract
// and ocrad read pictures. A program runs once for each request, as a child process that is bounded in time, memory, and in what it may
// read and write, and that is killed with all it has started.
package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"

	"agora/engine"
	"agora/wire/openai"
)

// ErrMissing says that a program is not on this machine.
var ErrMissing = errors.New("not installed")

// program is one that is known here.
type program struct {
	name, file string // what it is called here, and its executable
	debian     string // packages that hold it
	licence    string // SPDX identifier
	can        openai.Ability
	speak      speaker
	read       reader
}

// programs are all that are known, the clearer of two of a kind first.
var programs = []program{
	{name: "flite", file: "flite", debian: "flite", licence: "BSD-3-Clause", can: openai.CanSpeak, speak: flite},
	{name: "espeak-ng", file: "espeak-ng", debian: "espeak-ng", licence: "GPL-3.0-or-later", can: openai.CanSpeak, speak: espeak},
	{name: "pocketsphinx", file: "pocketsphinx_continuous", debian: "pocketsphinx pocketsphinx-en-us", licence: "BSD-2-Clause", can: openai.CanTranscribe},
	{name: "tesseract", file: "tesseract", debian: "tesseract-ocr", licence: "Apache-2.0", can: openai.CanChat | openai.CanImages, read: tesseract},
	{name: "ocrad", file: "ocrad", debian: "ocrad", licence: "GPL-2.0-or-later", can: openai.CanChat | openai.CanImages, read: ocrad},
}

// Names lists the programs that are known.
func Names() (names []string) {
	for _, p := range programs {
		names = append(names, p.name)
	}
	return names
}

// find returns a known program if it is on this machine. Errors: ErrMissing, with what to install.
func find(name string) (program, error) {
	i := slices.IndexFunc(programs, func(p program) bool { return p.name == name })
	if i < 0 {
		return program{}, fmt.Errorf("no program %q is known: there are %s", name, strings.Join(Names(), ", "))
	}
	p := programs[i]
	if err := p.missing(); err != nil {
		return program{}, fmt.Errorf("%s is %w: apt-get install --no-install-recommends %s", name, ErrMissing, p.debian)
	}
	return p, nil
}

func (p program) missing() error {
	_, err := exec.LookPath(p.file)
	if err == nil && p.can == openai.CanTranscribe {
		err = voicesThere()
	}
	return err
}

// Options bound what one request may take. Zero values take the defaults named beside them.
type Options struct {
	Time time.Duration // of a program, beyond it 504; 30 s
}

// Backend is one or more programs as an http.Handler, each behind the door of what it does. It keeps no state.
type Backend struct {
	programs []program
	limit    time.Duration
}

// Open makes a backend of programs that do different things. Errors: ErrMissing, with what to install.
func Open(opt Options, names ...string) (*Backend, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("name a program: %s", strings.Join(Names(), ", "))
	}
	if opt.Time <= 0 {
		opt.Time = 30 * time.Second
	}
	b := &Backend{limit: opt.Time}
	var all openai.Ability
	for _, name := range names {
		p, err := find(name)
		if err != nil {
			return nil, err
		}
		if all&p.can != 0 {
			return nil, fmt.Errorf("%s does what another of %s does: a miner has one program for each", name, strings.Join(names, ", "))
		}
		all |= p.can
		b.programs = append(b.programs, p)
	}
	return b, nil
}

// Info describes the first program, and what all of them can do.
func (b *Backend) Info() engine.Info {
	info := engine.Info{Model: b.programs[0].name, Engine: "command", Licence: b.programs[0].licence}
	for _, p := range b.programs {
		info.Can |= p.can
	}
	return info
}

// Alive says whether the programs are still there.
func (b *Backend) Alive(context.Context) error {
	for _, p := range b.programs {
		if _, err := find(p.name); err != nil {
			return err
		}
	}
	return nil
}

// maxRequest bounds a request, in bytes.
const maxRequest = 24 << 20

// ServeHTTP answers POST /v1/audio/speech, /v1/audio/transcriptions and /v1/chat/completions with a picture, and GET /v1/models.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := b.serve(w, r); err != nil {
		openai.WriteError(w, err)
	}
}

func (b *Backend) serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet {
		return reply(w, openai.ModelList{Object: "list", Data: []openai.Model{{ID: b.programs[0].name, Object: "model", OwnedBy: "command"}}})
	}
	body, err := openai.ReadBody(r.Body, maxRequest)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), b.limit)
	defer cancel()
	switch r.URL.Path {
	case "/v1/audio/speech":
		err = b.speech(ctx, w, body)
	case "/v1/audio/transcriptions":
		err = b.transcription(ctx, w, r.Header.Get("Content-Type"), body)
	case "/v1/chat/completions":
		err = b.reading(ctx, w, body)
	default:
		return openai.Errorf(http.StatusNotFound, "there is no %.80s here", r.URL.Path)
	}
	if ctx.Err() == context.DeadlineExceeded {
		return openai.Errorf(http.StatusGatewayTimeout, "the program took longer than %v", b.limit)
	}
	return err
}

// who returns the program that can do something.
func (b *Backend) who(can openai.Ability) (program, error) {
	i := slices.IndexFunc(b.programs, func(p program) bool { return p.can&can != 0 })
	if i < 0 {
		return program{}, openai.Errorf(http.StatusNotFound, "%s does not do that", b.programs[0].name)
	}
	return b.programs[i], nil
}
