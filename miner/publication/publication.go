// Package publication carries a model to the chain: it commits to weights by their digest, waits, and opens the commit. Whoever commits
// first is a model's author, so the file is given to others only after.
package publication

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cosmos/cosmos-sdk/types/query"

	modeltypes "agora/chain/x/model/types"
	"agora/client"
	"agora/engine/native/store"
	"agora/wire/blob"
)

// Publication is a model on its way to the chain. It is kept in a folder from before the commit until it is published: without the salt
// nobody can open the commit.
type Publication struct {
	Netuid     uint32   `json:"netuid"`
	Author     string   `json:"author"`
	Digest     string   `json:"digest"`
	Salt       string   `json:"salt,omitempty"` // hex
	Name       string   `json:"name"`
	Licence    string   `json:"licence"`
	Format     string   `json:"format"`
	Bytes      uint64   `json:"bytes"`
	Parameters uint64   `json:"parameters"`
	Root       string   `json:"root"` // of the file's chunks, hex
	Template   string   `json:"template,omitempty"`
	Sources    []string `json:"sources,omitempty"`
}

// Read says what a file is, in p, and takes the file's name where p has none.
func (p *Publication) Read(file string) error {
	id, err := store.Identify(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	f, err := blob.Open(file, id.Format)
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := blob.Of(f, f.Bytes, id.Digest, id.Format)
	if err != nil {
		return err
	}
	if p.Name == "" {
		p.Name = strings.ToLower(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	}
	root := m.Root()
	p.Digest, p.Format, p.Bytes, p.Parameters, p.Root = id.Digest, id.Format, uint64(f.Bytes), uint64(id.Parameters), hex.EncodeToString(root[:])
	return nil
}

// Course is a publication that goes on: where it is kept, and the chain.
type Course struct {
	Chain *client.Client
	Queue *client.Queue // of the author
	Dir   string        // where what must not be lost is kept
	Say   func(string)  // hears how far it is
}

// ErrPublished says that a model is listed in the subnet already.
var ErrPublished = errors.New("published already")

// Publish commits to the model, unless an earlier try did, waits, opens the commit, and returns the author's share in 1/10,000. Cut off at
// any point, the same call goes on. The error is ErrPublished where the digest is listed, or the chain's.
func (c *Course) Publish(ctx context.Context, p *Publication) (share uint32, err error) {
	if err := c.recall(p); err != nil {
		return 0, err
	}
	if err := c.commit(ctx, p); err != nil {
		return 0, err
	}
	if share, err = c.open(ctx, p); err != nil {
		return 0, err
	}
	p.Salt = "" // it is public now
	return share, os.Remove(c.path(p))
}

// path is where a publication waits.
func (c *Course) path(p *Publication) string {
	return filepath.Join(c.Dir, fmt.Sprintf("%d-%s-%.16s.json", p.Netuid, p.Author, strings.TrimPrefix(p.Digest, "sha256:")))
}

// recall takes the salt of an earlier try, or makes one and keeps it, synced, before anything depends on it.
func (c *Course) recall(p *Publication) error {
	var earlier Publication
	raw, err := os.ReadFile(c.path(p))
	if err == nil && json.Unmarshal(raw, &earlier) == nil && earlier.Salt != "" {
		p.Salt = earlier.Salt
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	salt := make([]byte, modeltypes.MaxSalt)
	rand.Read(salt)
	p.Salt = hex.EncodeToString(salt)
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	raw, err = json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(c.Dir, "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.path(p))
}

// commit sends the commit, unless an earlier try did, and waits until it can be opened.
func (c *Course) commit(ctx context.Context, p *Publication) error {
	salt, err := hex.DecodeString(p.Salt)
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", c.path(p), err)
	}
	hash := modeltypes.CommitHash(c.Chain.ChainID(), p.Netuid, p.Author, p.Digest, salt)
	height, err := c.committed(ctx, p, hash[:])
	if err != nil {
		return err
	}
	if height == 0 {
		if height, err = c.send(ctx, p, hash[:]); err != nil {
			return err
		}
	}
	c.Say(fmt.Sprintf("committed at block %d; publishes from block %d on", height, height+modeltypes.LeastWait))
	// A rehearsal runs on the last state, which a node has after it tells of its block.
	return c.wait(ctx, height+modeltypes.LeastWait+1)
}

// send commits and returns the commit's block.
func (c *Course) send(ctx context.Context, p *Publication, hash []byte) (int64, error) {
	chain := modeltypes.NewQueryClient(c.Chain.Conn())
	if listed, err := chain.Model(ctx, &modeltypes.QueryModelRequest{Netuid: p.Netuid, Digest: p.Digest}); err == nil {
		return 0, fmt.Errorf("%s is %w in subnet %d, by %s", p.Digest, ErrPublished, p.Netuid, listed.Entry.Model.Author)
	}
	fee, err := chain.Fee(ctx, &modeltypes.QueryFeeRequest{Netuid: p.Netuid, Bytes: p.Bytes})
	if err != nil {
		return 0, fmt.Errorf("subnet %d: %w", p.Netuid, err)
	}
	c.Say(fmt.Sprintf("commits to %.19s… in subnet %d; burns %.9g TAO now and %.9g at publication", p.Digest, p.Netuid, float64(fee.Commit)/1e9, float64(fee.Publish)/1e9))
	result, err := c.Queue.Send(ctx, &modeltypes.MsgCommitModel{Author: p.Author, Netuid: p.Netuid, Hash: hash, MaxFee: fee.Commit * modeltypes.CommitPart})
	if err != nil {
		return 0, err
	}
	return result.Height, nil
}

// committed is the block of the author's open commit; 0 where there is none.
func (c *Course) committed(ctx context.Context, p *Publication, hash []byte) (int64, error) {
	var key []byte
	for {
		r, err := modeltypes.NewQueryClient(c.Chain.Conn()).Commits(ctx, &modeltypes.QueryCommitsRequest{Netuid: p.Netuid, Pagination: &query.PageRequest{Key: key}})
		if err != nil {
			return 0, err
		}
		for _, made := range r.Commits {
			if made.Author == p.Author && string(made.Hash) == string(hash) {
				return made.Height, nil
			}
		}
		if key = r.Pagination.GetNextKey(); len(key) == 0 {
			return 0, nil
		}
	}
}

// wait waits until a block is there.
func (c *Course) wait(ctx context.Context, height int64) error {
	for {
		if now, err := c.Chain.Height(ctx); err != nil || now >= height {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// open opens the commit.
func (c *Course) open(ctx context.Context, p *Publication) (share uint32, err error) {
	salt, err := hex.DecodeString(p.Salt)
	if err != nil {
		return 0, err
	}
	root, err := hex.DecodeString(p.Root)
	if err != nil {
		return 0, err
	}
	result, err := c.Queue.Send(ctx, &modeltypes.MsgPublishModel{
		Author: p.Author, Netuid: p.Netuid, Digest: p.Digest, Salt: salt, Name: p.Name, Licence: p.Licence, Format: p.Format,
		Bytes: p.Bytes, Parameters: p.Parameters, Root: root, Template: p.Template, Sources: p.Sources,
	})
	if err != nil {
		return 0, fmt.Errorf("%w; the commit stays for %d blocks: correct what is wrong and run the same command", err, modeltypes.MostWait)
	}
	if len(result.Responses) == 1 {
		if r, ok := result.Responses[0].(*modeltypes.MsgPublishModelResponse); ok {
			share = r.AuthorShare
		}
	}
	return share, nil
}
