package gateway

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// claim is who holds a model's name.
type claim struct {
	NetUID     uint32 `json:"netuid"`
	UID        uint32 `json:"uid"`
	Registered uint64 `json:"registered"`
	Digest     string `json:"digest,omitempty"`
}

func claimOf(m *candidate) claim { return claim{m.netuid, m.UID, m.Registered, m.Digest} }

// by says whether a miner is the one that made the claim, whatever weights it has now.
func (c claim) by(m *candidate) bool {
	return c.NetUID == m.netuid && c.UID == m.UID && c.Registered == m.Registered
}

// claims remember whose a name is. What a card calls its model is only a word: whoever was first with it keeps it for as
// long as that miner is registered and uses it, and after that it goes to one with the same weights, else to whoever is
// registered longest. A miner that takes another's name up later gets none of its requests, however it is ranked.
type claims struct {
	mu     sync.Mutex
	path   string
	byName map[string]claim
	dirty  bool
}

// open reads the file, which need not exist; without a path nothing is kept.
func (c *claims) open(path string) error {
	c.path, c.byName = path, map[string]claim{}
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &c.byName)
}

// save writes what changed, whole or not at all.
func (c *claims) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dirty || c.path == "" {
		return nil
	}
	text, err := json.Marshal(c.byName)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.path), filepath.Base(c.path))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone by then if all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), c.path); err != nil {
		return err
	}
	c.dirty = false
	return nil
}

// holder is who holds a name among those who use it, of which there is at least one.
func (c *claims) holder(name string, claimants []*candidate) *candidate {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, known := c.byName[name]
	if known {
		for _, m := range claimants {
			if have.by(m) {
				return m
			}
		}
	}
	m := slices.MinFunc(claimants, func(a, b *candidate) int {
		if known && have.Digest != "" && (a.Digest == have.Digest) != (b.Digest == have.Digest) {
			if a.Digest == have.Digest {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Registered, b.Registered), cmp.Compare(a.netuid, b.netuid), cmp.Compare(a.UID, b.UID))
	})
	c.byName[name], c.dirty = claimOf(m), true
	return m
}

// holders are the holder and those who declare the same weights, in the same subnet.
func (c *claims) holders(name string, claimants []*candidate) []*candidate {
	first := c.holder(name, claimants)
	list := []*candidate{first}
	for _, m := range claimants {
		if m != first && first.Digest != "" && m.Digest == first.Digest && m.netuid == first.netuid {
			list = append(list, m)
		}
	}
	return list
}

// forget drops the names that nobody uses: alone, or in a subnet.
func (c *claims) forget(alone, inside map[string][]*candidate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.byName {
		model, ofModel := strings.CutPrefix(name, "model ")
		if id, ofSubnet := strings.CutPrefix(name, "subnet "); ofModel && alone[model] == nil || ofSubnet && inside[id] == nil || !ofModel && !ofSubnet {
			delete(c.byName, name)
			c.dirty = true
		}
	}
}
