package main

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
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/types/query"

	modeltypes "agora/chain/x/model/types"
	"agora/client"
	"agora/engine/native/store"
	"agora/wire/blob"
)

// authoring is what `agora model publish` and `retire` are asked to do.
type authoring struct {
	role
	output
	subnet   uint32
	name     string
	licence  string
	template string
	sources  []string
}

// publication is a model on its way to the chain. It is kept in the wallet from before the commit until it is published:
// without the salt nobody can open the commit.
type publication struct {
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

func (m *models) publishCommand() *cobra.Command {
	p := &authoring{}
	cmd := &cobra.Command{
		Use: "publish FILE", Short: "Publish a model in a subnet: commit to it first, upload it after", Args: cobra.ExactArgs(1),
		Long: "Whoever commits to a model first in a subnet is its author there, and earns the subnet's author share wherever others\n" +
			"serve it. So commit before anybody else has the file: this command commits, waits two blocks, publishes, and says when\n" +
			"to upload. Cut off in between, the same command goes on where it ended. A tenth of the fee is burned at the commit, the\n" +
			"rest at publication; `agora query model fee NETUID BYTES` says how much.",
		Example: "  agora model publish ./my-model.gguf --subnet 1 --licence MIT --from author\n" +
			"  agora model publish ./my-model.gguf --subnet 1 --licence Apache-2.0 --name tiny-2 --source https://example.org/tiny-2.gguf --from author",
		RunE: func(cmd *cobra.Command, args []string) error { return p.run(cmd, args[0]) },
	}
	p.flags(cmd, "author")
	p.flag(cmd)
	f := cmd.Flags()
	f.Uint32Var(&p.subnet, "subnet", 1, "netuid")
	f.StringVar(&p.licence, "licence", "", "SPDX identifier of its licence, such as MIT")
	f.StringVar(&p.name, "name", "", "your name for it, shown after your account; the file's if not given")
	f.StringVar(&p.template, "template", "", "chat template of the list")
	f.StringArrayVar(&p.sources, "source", nil, "URL at which the file will be; up to 4")
	return cmd
}

func (p *authoring) run(cmd *cobra.Command, file string) error {
	if p.licence == "" {
		return usageError{errors.New("give --licence, an SPDX identifier such as MIT: nobody may serve what has none")}
	}
	p.settle("author")
	chain, err := client.Dial(p.node)
	if err != nil {
		return err
	}
	cold, err := p.cold(cmd, chain)
	if err != nil {
		return err
	}
	queue := chain.Queue(cold)
	work, err := p.read(file, queue.Address())
	if err != nil {
		return err
	}
	if err := p.recall(&work); err != nil {
		return err
	}
	if err := p.commit(cmd, chain, queue, &work); err != nil {
		return err
	}
	share, err := p.publish(cmd.Context(), queue, work)
	if err != nil {
		return err
	}
	work.Salt = "" // it is public now
	return p.print(cmd, work, fmt.Sprintf("published in subnet %d as %s/%s\n%s, %d parameters, %s\nyou earn %d.%02d %% of what others earn by serving it\n"+
		"now upload the file, and let a miner serve it: agora model get %s && agora miner --model %s --subnet %d\n",
		p.subnet, work.Author, work.Name, work.Digest, work.Parameters, megabytes(int64(work.Bytes)), share/100, share%100, file, work.Name, p.subnet))
}

// read says what a file is.
func (p *authoring) read(file, author string) (w publication, err error) {
	id, err := store.Identify(file)
	if err != nil {
		return w, err
	}
	f, err := os.Open(file)
	if err != nil {
		return w, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return w, err
	}
	m, err := blob.Of(f, info.Size(), id.Digest, id.Format)
	if err != nil {
		return w, err
	}
	name := p.name
	if name == "" {
		name = strings.ToLower(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	}
	root := m.Root()
	return publication{
		Netuid: p.subnet, Author: author, Digest: id.Digest, Name: name, Licence: p.licence, Format: id.Format, Bytes: uint64(info.Size()),
		Parameters: uint64(id.Parameters), Root: hex.EncodeToString(root[:]), Template: p.template, Sources: p.sources,
	}, nil
}

// path is where a publication waits.
func (p *authoring) path(w publication) string {
	return filepath.Join(p.home, "models", fmt.Sprintf("%d-%s-%.16s.json", w.Netuid, w.Author, strings.TrimPrefix(w.Digest, "sha256:")))
}

// recall takes the salt of an earlier try, or makes one and keeps it, synced, before anything depends on it.
func (p *authoring) recall(w *publication) error {
	var earlier publication
	raw, err := os.ReadFile(p.path(*w))
	if err == nil && json.Unmarshal(raw, &earlier) == nil && earlier.Salt != "" {
		w.Salt = earlier.Salt
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	salt := make([]byte, modeltypes.MaxSalt)
	rand.Read(salt)
	w.Salt = hex.EncodeToString(salt)
	if err := os.MkdirAll(filepath.Dir(p.path(*w)), 0o700); err != nil {
		return err
	}
	raw, err = json.MarshalIndent(w, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(p.path(*w)), "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), p.path(*w))
}

// commit sends the commit, unless an earlier try did, and waits until it can be opened.
func (p *authoring) commit(cmd *cobra.Command, chain *client.Client, queue *client.Queue, w *publication) error {
	ctx := cmd.Context()
	salt, err := hex.DecodeString(w.Salt)
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", p.path(*w), err)
	}
	hash := modeltypes.CommitHash(chain.ChainID(), w.Netuid, w.Author, w.Digest, salt)
	made, err := commitOf(ctx, chain, *w, hash[:])
	if err != nil {
		return err
	}
	if made == nil {
		if listed, err := modeltypes.NewQueryClient(chain.Conn()).Model(ctx, &modeltypes.QueryModelRequest{Netuid: w.Netuid, Digest: w.Digest}); err == nil {
			return fmt.Errorf("%s is published in subnet %d already, by %s", w.Digest, w.Netuid, listed.Entry.Model.Author)
		}
		fee, err := modeltypes.NewQueryClient(chain.Conn()).Fee(ctx, &modeltypes.QueryFeeRequest{Netuid: w.Netuid, Bytes: w.Bytes})
		if err != nil {
			return fmt.Errorf("subnet %d: %w", w.Netuid, err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "commits to %.19s… in subnet %d; burns %s now and %s at publication\n",
			w.Digest, w.Netuid, tao(fee.Commit), tao(fee.Publish))
		result, err := queue.Send(ctx, &modeltypes.MsgCommitModel{
			Author: w.Author, Netuid: w.Netuid, Hash: hash[:], MaxFee: fee.Commit * modeltypes.CommitPart,
		})
		if err != nil {
			return err
		}
		made = &modeltypes.Commit{Height: result.Height}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "committed at block %d; publishes from block %d on\n", made.Height, made.Height+modeltypes.LeastWait)
	// A rehearsal runs on the last state, which a node has after it tells of its block.
	return waitFor(ctx, chain, made.Height+modeltypes.LeastWait+1)
}

// commitOf finds an author's open commit; nil where there is none.
func commitOf(ctx context.Context, chain *client.Client, w publication, hash []byte) (*modeltypes.Commit, error) {
	var key []byte
	for {
		r, err := modeltypes.NewQueryClient(chain.Conn()).Commits(ctx, &modeltypes.QueryCommitsRequest{
			Netuid: w.Netuid, Pagination: &query.PageRequest{Key: key},
		})
		if err != nil {
			return nil, err
		}
		for i, c := range r.Commits {
			if c.Author == w.Author && string(c.Hash) == string(hash) {
				return &r.Commits[i], nil
			}
		}
		if key = r.Pagination.GetNextKey(); len(key) == 0 {
			return nil, nil
		}
	}
}

// waitFor waits until a block is there.
func waitFor(ctx context.Context, chain *client.Client, height int64) error {
	for {
		if now, err := chain.Height(ctx); err != nil || now >= height {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// publish opens the commit and forgets the salt, which is public then.
func (p *authoring) publish(ctx context.Context, queue *client.Queue, w publication) (share uint32, err error) {
	salt, err := hex.DecodeString(w.Salt)
	if err != nil {
		return 0, err
	}
	root, err := hex.DecodeString(w.Root)
	if err != nil {
		return 0, err
	}
	result, err := queue.Send(ctx, &modeltypes.MsgPublishModel{
		Author: w.Author, Netuid: w.Netuid, Digest: w.Digest, Salt: salt, Name: w.Name, Licence: w.Licence, Format: w.Format,
		Bytes: w.Bytes, Parameters: w.Parameters, Root: root, Template: w.Template, Sources: w.Sources,
	})
	if err != nil {
		return 0, fmt.Errorf("%w; the commit stays for %d blocks: correct what is wrong and run the same command", err, modeltypes.MostWait)
	}
	if len(result.Responses) == 1 {
		if r, ok := result.Responses[0].(*modeltypes.MsgPublishModelResponse); ok {
			share = r.AuthorShare
		}
	}
	return share, os.Remove(p.path(w))
}

func (m *models) retireCommand() *cobra.Command {
	p := &authoring{}
	cmd := &cobra.Command{
		Use: "retire DIGEST", Short: "Give up your name for a model and your share of what it earns", Args: cobra.ExactArgs(1),
		Long:    "Whoever serves the model goes on and keeps all of the pay. The digest stays yours: nobody else can become its author.",
		Example: "  agora model retire sha256:0123… --subnet 1 --from author",
		RunE: func(cmd *cobra.Command, args []string) error {
			p.settle("author")
			chain, err := client.Dial(p.node)
			if err != nil {
				return err
			}
			cold, err := p.cold(cmd, chain)
			if err != nil {
				return err
			}
			queue := chain.Queue(cold)
			if _, err := queue.Send(cmd.Context(), &modeltypes.MsgRetireModel{Author: queue.Address(), Netuid: p.subnet, Digest: args[0]}); err != nil {
				return err
			}
			return p.print(cmd, map[string]any{"netuid": p.subnet, "digest": args[0], "retired": true}, fmt.Sprintf("%s is retired in subnet %d\n", args[0], p.subnet))
		},
	}
	p.flags(cmd, "author")
	p.flag(cmd)
	cmd.Flags().Uint32Var(&p.subnet, "subnet", 1, "netuid")
	return cmd
}

// published lists the models of a subnet as its chain does.
func (m *models) published(cmd *cobra.Command, node string, netuid uint32) error {
	r := role{node: node, home: walletHome()}
	r.settle("author")
	chain, err := client.Dial(r.node)
	if err != nil {
		return err
	}
	entries, err := publishedIn(cmd.Context(), chain, netuid)
	if err != nil {
		return err
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tDIGEST\tPARAMETERS\tSIZE\tLICENCE\tSERVERS\tEARNED\tAUTHOR'S")
	for _, e := range entries {
		name := e.Model.Author + "/" + e.Model.Name
		if e.Model.Retired {
			name = "retired"
		}
		fmt.Fprintf(w, "%s\t%.19s…\t%d\t%s\t%s\t%d\t%s\t%s\n", name, e.Model.Digest, e.Model.Parameters, megabytes(int64(e.Model.Bytes)),
			e.Model.Licence, e.Servers, tao(e.Model.Earned), tao(e.Model.EarnedAuthor))
	}
	w.Flush()
	return m.print(cmd, entries, b.String())
}

func publishedIn(ctx context.Context, chain *client.Client, netuid uint32) (entries []modeltypes.Entry, err error) {
	var key []byte
	for {
		r, err := modeltypes.NewQueryClient(chain.Conn()).Models(ctx, &modeltypes.QueryModelsRequest{
			Netuid: netuid, Pagination: &query.PageRequest{Key: key},
		})
		if err != nil {
			return nil, err
		}
		entries = append(entries, r.Entries...)
		if key = r.Pagination.GetNextKey(); len(key) == 0 {
			return entries, nil
		}
	}
}

// modelsOf lists an author's models.
func modelsOf(ctx context.Context, chain *client.Client, author string) (models []modeltypes.Model, err error) {
	var key []byte
	for {
		r, err := modeltypes.NewQueryClient(chain.Conn()).ModelsOf(ctx, &modeltypes.QueryModelsOfRequest{
			Author: author, Pagination: &query.PageRequest{Key: key},
		})
		if err != nil {
			return nil, err
		}
		models = append(models, r.Models...)
		if key = r.Pagination.GetNextKey(); len(key) == 0 {
			return models, nil
		}
	}
}

// getPublished gets a model by its digest from the gateways that a chain's directory lists, and its author's sources.
func (m *models) getPublished(cmd *cobra.Command, g published, digest string, progress *progress) (e store.Entry, err error) {
	s, err := store.Open(m.dir)
	if err != nil {
		return e, err
	}
	r := role{node: g.node, home: walletHome()}
	r.settle("author")
	chain, err := client.Dial(r.node)
	if err != nil {
		return e, err
	}
	found, err := modeltypes.NewQueryClient(chain.Conn()).Model(cmd.Context(), &modeltypes.QueryModelRequest{Netuid: g.subnet, Digest: digest})
	if err != nil {
		return e, err
	}
	profiles, err := chain.Profiles(cmd.Context())
	if err != nil {
		return e, err
	}
	var gateways []string
	for _, p := range profiles {
		gateways = append(gateways, p.GatewayUrl)
	}
	l := found.Entry.Model
	p := store.Published{Digest: l.Digest, Name: l.Name, Licence: l.Licence, Root: l.Root, Bytes: l.Bytes}
	if g.name != "" || p.Name == "" {
		p.Name = g.name
	}
	return s.Fetch(cmd.Context(), p, blob.Peers(gateways, l.Sources, blob.NewClient(g.allowPrivate)), func(have, of int64) {
		progress.tell("downloading", have, of)
	})
}

// published says where a model's digest means something.
type published struct {
	node         string
	subnet       uint32
	name         string
	allowPrivate bool
}
