package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/types/query"

	modeltypes "agora/chain/x/model/types"
	"agora/client"
	"agora/engine/native/store"
	"agora/miner/publication"
	"agora/validator"
	"agora/validator/daemon"
	"agora/validator/exam"
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
	work := &publication.Publication{
		Netuid: p.subnet, Author: queue.Address(), Name: p.name, Licence: p.licence, Template: p.template, Sources: p.sources,
	}
	if err := work.Read(file); err != nil {
		return err
	}
	course := publication.Course{
		Chain: chain, Queue: queue, Dir: filepath.Join(p.home, "models"), Say: func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) },
	}
	share, err := course.Publish(cmd.Context(), work)
	if err != nil {
		return err
	}
	return p.print(cmd, work, fmt.Sprintf("published in subnet %d as %s/%s\n%s, %d parameters, %s\nyou earn %d.%02d %% of what others earn by serving it\n"+
		"now upload the file, and let a miner serve it: agora model get %s && agora miner --model %s --subnet %d\n",
		p.subnet, work.Author, work.Name, work.Digest, work.Parameters, megabytes(int64(work.Bytes)), share/100, share%100, file, work.Name, p.subnet))
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

// getPublished gets a model by its digest as a validator does, and calls it g.name where one is given.
func (m *models) getPublished(cmd *cobra.Command, g published, digest string, progress *progress) (e store.Entry, err error) {
	r := role{node: g.node, home: walletHome()}
	r.settle("author")
	chain, err := client.Dial(r.node)
	if err != nil {
		return e, err
	}
	w, err := weightsHere(chain, m.dir, g.allowPrivate)
	if err != nil {
		return e, err
	}
	w.Progress = func(have, of int64) { progress.tell("downloading", have, of) }
	l, err := listedIn(cmd.Context(), chain, g.subnet, digest)
	if err != nil {
		return e, err
	}
	l.Name = cmp.Or(g.name, l.Name)
	return w.Get(cmd.Context(), l)
}

// weightsHere are the models of a store, the user's if dir is empty, and those that a chain's gateways and authors give.
func weightsHere(chain *client.Client, dir string, allowPrivate bool) (*daemon.Weights, error) {
	s, err := store.Open(dir)
	return &daemon.Weights{Store: s, Chain: chain, Private: allowPrivate}, err
}

// listedIn is a published model of a subnet.
func listedIn(ctx context.Context, chain *client.Client, netuid uint32, digest string) (l exam.Listed, err error) {
	d, ok := exam.ParseDigest(digest)
	if !ok {
		return l, usageError{fmt.Errorf("%.80q is no digest: sha256: and 64 hexadecimal digits", digest)}
	}
	found, err := modeltypes.NewQueryClient(chain.Conn()).Model(ctx, &modeltypes.QueryModelRequest{Netuid: netuid, Digest: digest})
	if err != nil {
		return l, err
	}
	return validator.Listed(d, found.Entry), nil
}

// published says where a model's digest means something.
type published struct {
	node         string
	subnet       uint32
	name         string
	allowPrivate bool
}
