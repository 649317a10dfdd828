package exam

import (
	"slices"

	"agora/mechanism/frontier"
)

// Answer is one question with what a model made of it.
type Answer struct {
	Epoch  uint64 `json:"epoch"`
	Item   int    `json:"item"`
	Family string `json:"family"`
	Text   string `json:"text"`
	Result Result `json:"result"`
}

// Answers lists the last of what a model was asked, newest tempo first.
func (c *Course) Answers(digest [32]byte, most int) ([]Answer, error) {
	epochs, sheets, err := c.cfg.Store.sheets(c.cfg.NetUID, digest, most)
	if err != nil {
		return nil, err
	}
	var list []Answer
	for i, t := range sheets {
		for item := range t.Items {
			for _, q := range c.cfg.Contest.Item([32]byte(t.Seed), uint64(item)) {
				r, ok, err := c.cfg.Store.Result(digest, q.ID)
				if err != nil {
					return nil, err
				}
				if ok && len(list) < most {
					list = append(list, Answer{epochs[i], item, q.Family, q.Text, r})
				}
			}
		}
	}
	return slices.Clip(list), nil
}

// Tempo is what a model got for the items of one tempo.
type Tempo struct {
	Epoch  uint64           `json:"epoch"`
	Scores []frontier.Score `json:"scores"` // millionths, by item
}

// Tempos lists the latest results of a model, newest first.
func (c *Course) Tempos(digest [32]byte, most int) ([]Tempo, error) {
	epochs, _, err := c.cfg.Store.sheets(c.cfg.NetUID, digest, most)
	if err != nil {
		return nil, err
	}
	list := make([]Tempo, 0, len(epochs))
	for _, epoch := range epochs {
		scores, err := c.cfg.Store.tempo(c.cfg.NetUID, digest, epoch)
		if err != nil {
			return nil, err
		}
		list = append(list, Tempo{epoch, scores})
	}
	return list, nil
}

// Held says who held which place from an epoch on.
type Held struct {
	Epoch uint64
	Names []string // the first place first
}

// keptHeld bounds how many changes of places are remembered.
const keptHeld = 256

// note remembers who holds the places, should that have changed. The lock is held.
func (c *Course) note(epoch uint64, standings []frontier.Standing) {
	now := Held{Epoch: epoch, Names: []string{}}
	for _, s := range standings {
		if s.Place == 0 {
			continue
		}
		name := c.listed[s.Model.Digest].Name
		if name == "" {
			name = short(s.Model.Digest)
		}
		now.Names = append(now.Names, name)
	}
	if n := len(c.history); n > 0 && slices.Equal(c.history[n-1].Names, now.Names) {
		return
	}
	if c.history = append(c.history, now); len(c.history) > keptHeld {
		c.history = slices.Delete(c.history, 0, keptHeld/2)
	}
}

// History lists who held which place since this program started, newest first: an entry for each change.
func (c *Course) History() []Held {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.history)
	slices.Reverse(list)
	return list
}
