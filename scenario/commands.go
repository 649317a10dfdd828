package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"cosmossdk.io/math"

	yumatypes "agora/chain/x/yuma/types"
)

// command carries out one line of a story.
type command struct {
	least int  // words after the command's name
	stage bool // before the chain begins
	run   func(w *World, words []string) error
}

// table lists the commands; doc.go describes them.
func table() map[string]command {
	return map[string]command{
		"params":     {2, true, (*World).cmdParams},
		"stake":      {2, true, (*World).cmdStake},
		"funds":      {2, true, (*World).cmdFunds},
		"subnet":     {1, true, (*World).cmdSubnet},
		"in":         {1, false, (*World).cmdIn},
		"weights":    {2, false, (*World).cmdWeights},
		"silent":     {1, false, (*World).cmdSilent},
		"epoch":      {0, false, (*World).cmdEpoch},
		"settle":     {0, false, (*World).cmdSettle},
		"blocks":     {1, false, (*World).cmdBlocks},
		"wait":       {1, false, (*World).cmdWait},
		"until":      {1, false, (*World).cmdUntil},
		"equivocate": {1, false, (*World).cmdEquivocate},
		"fails":      {3, false, (*World).cmdFails},
		"note":       {3, false, (*World).cmdNote},
		"expect":     {2, false, (*World).cmdExpect},
	}
}

// do carries out one line. A line that begins with no command is a person who acts.
func (w *World) do(words []string) error {
	c, ok := table()[words[0]]
	if !ok {
		c = command{least: 0, run: (*World).act}
		words = append([]string{"act"}, words...)
	}
	if len(words)-1 < c.least {
		return fmt.Errorf("%s wants at least %d words", words[0], c.least)
	}
	if c.stage && w.opened() {
		return fmt.Errorf("%s comes before the first line that acts", words[0])
	}
	if !c.stage && !w.opened() {
		if err := w.begin(); err != nil {
			return err
		}
	}
	if words[0] != "expect" && words[0] != "note" {
		w.events = nil
	}
	return c.run(w, words[1:])
}

func (w *World) cmdIn(words []string) error {
	w.current = words[0]
	_, err := w.netuid()
	return err
}

// netuid is the netuid of the subnet spoken of.
func (w *World) netuid() (uint32, error) {
	s, err := w.App.Subnet.SubnetNamed(w.Ctx(), w.current)
	return s.Netuid, err
}

// cmdWeights states opinions: VOICE miner=share… | VOICE miner=share…
func (w *World) cmdWeights(words []string) error {
	netuid, err := w.netuid()
	if err != nil {
		return err
	}
	for _, part := range parts(words, "|") {
		if len(part) < 2 {
			return errors.New("weights are: voice miner=share …")
		}
		shares, err := readShares(part[1:])
		if err != nil {
			return err
		}
		w.hush(part[0], netuid)
		w.opinions = append(w.opinions, &opinion{voice: part[0], netuid: netuid, shares: shares})
	}
	return nil
}

func readShares(words []string) (shares []share, err error) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		d, err := number(value)
		if err != nil || d.IsNegative() || d.GT(math.LegacyOneDec()) {
			return nil, fmt.Errorf("%q is not miner=share, a share of 0 to 1", word)
		}
		shares = append(shares, share{name, uint32(d.MulInt64(65_535).RoundInt64())})
	}
	return shares, nil
}

// hush forgets an opinion.
func (w *World) hush(voice string, netuid uint32) {
	w.opinions = slices.DeleteFunc(w.opinions, func(o *opinion) bool { return o.voice == voice && o.netuid == netuid })
}

// cmdSilent stops voices: what they committed stays sealed.
func (w *World) cmdSilent(words []string) error {
	netuid, err := w.netuid()
	for _, voice := range words {
		w.hush(voice, netuid)
		w.sealed = slices.DeleteFunc(w.sealed, func(s *sealed) bool { return s.voice == voice && s.netuid == netuid })
	}
	return err
}

// epoch is the running epoch of the subnet spoken of.
func (w *World) epoch() (uint64, error) {
	s, err := w.App.Subnet.SubnetNamed(w.Ctx(), w.current)
	return s.Epoch, err
}

func (w *World) cmdEpoch(words []string) error {
	count := uint64(1)
	if len(words) > 0 {
		n, err := strconv.ParseUint(words[0], 10, 16)
		if err != nil {
			return err
		}
		count = n
	}
	now, err := w.epoch()
	if err != nil {
		return err
	}
	return w.stepUntil(func() (bool, error) {
		e, err := w.epoch()
		return e >= now+count, err
	})
}

func (w *World) cmdSettle([]string) error {
	netuid, err := w.netuid()
	if err != nil {
		return err
	}
	return w.stepUntil(func() (bool, error) {
		calendar, err := w.App.Yuma.Schedule(w.Ctx(), netuid)
		settled := true
		for _, o := range w.opinions {
			if o.netuid == netuid {
				settled = settled && o.told && calendar.Epoch > o.first+calendar.RevealDelay
			}
		}
		return settled, err
	})
}

// cmdBlocks makes blocks; `without NAME…` leaves signatures out.
func (w *World) cmdBlocks(words []string) error {
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return err
	}
	if len(words) > 2 && words[1] == "without" {
		for _, name := range words[2:] {
			w.people.absent[name] = true
		}
		defer clear(w.people.absent)
	}
	for range n {
		if _, err := w.Step(); err != nil {
			return err
		}
	}
	return nil
}

// cmdWait lets time pass between two blocks.
func (w *World) cmdWait(words []string) error {
	d, err := duration(words[0])
	if err != nil {
		return err
	}
	w.Now = w.Now.Add(d)
	_, err = w.Step()
	return err
}

// duration reads 30s, 10m, 2h or 3d.
func duration(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	return time.Duration(n) * 24 * time.Hour, err
}

var phases = map[string]yumatypes.Phase{"commit": yumatypes.Committing, "reveal": yumatypes.Revealing, "quiet": yumatypes.Quiet}

// cmdUntil makes blocks until the next one falls into a phase of the tempo.
func (w *World) cmdUntil(words []string) error {
	phase, ok := phases[words[0]]
	if !ok {
		return fmt.Errorf("%q is no phase: commit, reveal or quiet", words[0])
	}
	netuid, err := w.netuid()
	if err != nil {
		return err
	}
	return w.stepUntil(func() (bool, error) {
		s, err := w.App.Yuma.Schedule(w.Ctx(), netuid)
		return s.PhaseAt(w.Height+1) == phase, err
	})
}

func (w *World) cmdEquivocate(words []string) error {
	_, err := w.finalize(&abci.RequestFinalizeBlock{Misbehavior: w.people.evidence(w, words[0])})
	return err
}

// cmdFails lets a person try what must be refused with an error that holds the quoted words.
func (w *World) cmdFails(words []string) error {
	err := w.act(words[1:])
	if err == nil {
		return errors.New("it succeeded")
	}
	if !strings.Contains(err.Error(), words[0]) {
		return fmt.Errorf("it failed otherwise: %w", err)
	}
	return nil
}

// SetsTheStage tells whether a command comes before the chain begins.
func SetsTheStage(name string) bool { return table()[name].stage }
