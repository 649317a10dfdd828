package exam

import (
	"cmp"
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
			for _, q := range c.cfg.Contest.named(Drawn{[32]byte(t.Seed), t.Task}, uint64(item)) {
				r, ok, err := c.cfg.Store.Result(digest, q.ID)
				if err != nil {
					return nil, err
				}
				if ok && len(list) < most {
					list = append(list, Answer{epochs[i], item, q.Family, cmp.Or(q.Text, r.Asked), r})
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
	Epoch  uint64   `json:"epoch"`
	Models []string `json:"models"` // their digests, the first place first
}

// Keep remembers who holds the places by a ballot that is cast, should that have changed. Ballots are kept in the order of their epochs.
func (c *Course) Keep(b *Ballot) error {
	now := []string{}
	for place := 1; place <= len(b.Standings); place++ {
		at := slices.IndexFunc(b.Standings, func(s frontier.Standing) bool { return s.Place == place })
		if at < 0 {
			break
		}
		now = append(now, SpellDigest(b.Standings[at].Model.Digest))
	}
	return c.cfg.Store.hold(c.cfg.NetUID, Held{b.Epoch, now})
}

// History lists who held which place by the ballots that were cast here, newest first: an entry for each of the latest changes.
func (c *Course) History(most int) ([]Held, error) { return c.cfg.Store.held(c.cfg.NetUID, most) }
