package localnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/engine"
	"agora/validator"
	"agora/validator/audit"
	"agora/validator/daemon"
	"agora/validator/exam"
	"agora/web"
	"agora/wire/openai"
)

const (
	liarName    = "liar"
	liarPrice   = 1_000 * network.TAO // at most, for its place; the account called owner pays
	liesWithin  = 3                   // epochs in which all validators close it
	joinsWithin = 4                   // epochs until its answers count
	tale        = "Tell me a tale of" // how the consumers begin that it lies to
)

// liar names one model and gives another one's answers to whoever asks for a tale. Validators ask for none.
type liar struct {
	engine.Engine
	honest, lies engine.Chatter
}

func (l *liar) Chat(ctx context.Context, r *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	if n := len(r.Messages); n > 0 && strings.HasPrefix(string(r.Messages[n-1].Content), tale) {
		return l.lies.Chat(ctx, r, emit)
	}
	return l.honest.Chat(ctx, r, emit)
}

// liar starts a server that names the best model and gives consumers the smallest one's answers, lets consumers ask it, and waits until
// every validator has closed it, by what it saw or by what another one proves.
func (c *checker) liar(ctx context.Context) (_ string, err error) {
	e, end, err := newLiar()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, end()) }()
	first, err := c.chain.Height(ctx)
	if err != nil {
		return "", err
	}
	k := keys(c.file.Seed)
	uid, stop, err := c.serve(ctx, guest{netuid: chatNet, hot: k.hot(liarName), owner: client.ColdSigner(k.cold("owner")), limit: liarPrice, engine: e})
	if err != nil {
		return "", err
	}
	defer stop()
	digest := e.Info().Digest
	closed, err := c.joined(ctx, uid)
	if err != nil || closed {
		return fmt.Sprintf("uid %d is closed already, by an earlier check: its owner is remembered", uid), err
	}
	began, err := c.chain.Schedule(ctx, chatNet)
	if err != nil {
		return "", err
	}
	asked := 0
	for {
		now, err := c.chain.Schedule(ctx, chatNet)
		if err != nil {
			return "", err
		}
		by, err := c.closedBy(ctx, uid)
		if err != nil {
			return "", err
		}
		if by == len(c.file.Gateways) {
			detail := fmt.Sprintf("uid %d lied %d times and was closed by %d validators within %d epochs", uid, asked, by, now.Epoch-began.Epoch)
			err := c.proven(ctx, uid, digest, e.honest)
			return c.closing(ctx, uid, first, detail, err)
		}
		if now.Epoch > began.Epoch+liesWithin {
			return "", fmt.Errorf("uid %d lied %d times in %d epochs, and %d of %d validators have closed it", uid, asked, now.Epoch-began.Epoch, by, len(c.file.Gateways))
		}
		for gateway := range c.file.Gateways {
			if c.askTale(ctx, gateway, uid, asked) {
				asked++
			}
		}
		if err := c.nextBlock(ctx); err != nil {
			return "", err
		}
	}
}

// newLiar opens its two models.
func newLiar() (l *liar, end func() error, err error) {
	list := published()
	var open [2]engine.Engine
	end = func() error {
		var errs []error
		for _, e := range open {
			if closer, ok := e.(io.Closer); ok {
				errs = append(errs, closer.Close())
			}
		}
		return errors.Join(errs...)
	}
	for i, name := range []string{list[0].Name, list[len(list)-1].Name} {
		if open[i], err = openEngine(Miner{NetUID: chatNet, Model: name}, ""); err != nil {
			return nil, nil, errors.Join(err, end())
		}
	}
	honest, ok := open[0].(engine.Chatter)
	lies, also := open[1].(engine.Chatter)
	if !ok || !also {
		return nil, nil, errors.Join(errors.New("the models that ship do not chat"), end())
	}
	return &liar{open[0], honest, lies}, end, nil
}

// joined waits until every validator has run an answer of the liar again and pays it, or has closed it before.
func (c *checker) joined(ctx context.Context, uid uint32) (closed bool, err error) {
	first, err := c.chain.Schedule(ctx, chatNet)
	if err != nil {
		return false, err
	}
	for {
		paid := 0
		for i := range c.file.Gateways {
			a, err := c.auditsOf(ctx, i, uid)
			if err != nil {
				return false, err
			}
			if a != nil && a.Closed {
				return true, nil
			}
			if a != nil && a.Paid {
				paid++
			}
		}
		if paid == len(c.file.Gateways) {
			return false, nil
		}
		now, err := c.chain.Schedule(ctx, chatNet)
		if err != nil {
			return false, err
		}
		if now.Epoch > first.Epoch+joinsWithin {
			return false, fmt.Errorf("in %d epochs %d of %d validators have seen uid %d give its model's answers", joinsWithin, paid, len(c.file.Gateways), uid)
		}
		if err := c.nextBlock(ctx); err != nil {
			return false, err
		}
	}
}

// closedBy counts the validators that have shut a server's gate.
func (c *checker) closedBy(ctx context.Context, uid uint32) (n int, err error) {
	for i := range c.file.Gateways {
		a, err := c.auditsOf(ctx, i, uid)
		if err != nil {
			return 0, err
		}
		if a != nil && a.Closed {
			n++
		}
	}
	return n, nil
}

// base is a gateway's address without the API's version.
func (c *checker) base(gateway int) string {
	return strings.TrimSuffix(c.file.Gateways[gateway].URL, "/v1")
}

// auditsOf is what a validator's page says of a server's audits; nil before the server counts.
func (c *checker) auditsOf(ctx context.Context, gateway int, uid uint32) (*web.Audits, error) {
	var line web.Line
	err := c.get(ctx, fmt.Sprintf("%s/subnets/%d/miners/%d.json", c.base(gateway), chatNet, uid), &line)
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	return line.Miner.Audits, err
}

// errAbsent says that a validator knows nothing of what was asked for.
var errAbsent = errors.New("not found")

const maxPage = 8 << 20 // bytes of what a validator answers

func (c *checker) get(ctx context.Context, url string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%s: %w", url, errAbsent)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxPage)).Decode(v)
}

// askTale asks the liar for a tale as a consumer who lets others see it, and says whether it answered.
func (c *checker) askTale(ctx context.Context, gateway int, uid uint32, n int) bool {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	body := fmt.Sprintf(`{"model":"chat","max_tokens":40,"provider":{"only":["%d"]},"messages":[{"role":"user","content":"%s %d apples."}]}`, uid, tale, n)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.file.Gateways[gateway].URL+"/chat/completions", bytes.NewReader([]byte(body)))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+c.file.Gateways[gateway].Key)
	req.Header.Set("X-Agora-Proof", "public")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

// errUnproven says that no validator tells a proof against a closed server.
var errUnproven = errors.New("nobody tells a proof")

// closing tells how a server was closed. One that was here before the check began, at height first, lied to an earlier one: a voice that
// remembers a false answer closes it at the next, and has no two of these tempos for a proof.
func (c *checker) closing(ctx context.Context, uid uint32, first int64, detail string, proof error) (string, error) {
	if proof == nil {
		return detail + "; the public proof holds", nil
	}
	neurons, err := c.chain.Neurons(ctx, chatNet)
	if err != nil {
		return "", err
	}
	if errors.Is(proof, errUnproven) && returned(neurons, uid, first) {
		return detail + ", at the first answer of this check, since it lied to an earlier one", nil
	}
	return "", fmt.Errorf("%s, but %w", detail, proof)
}

// returned says whether a server was registered before a height.
func returned(neurons []subnettypes.Neuron, uid uint32, first int64) bool {
	return slices.ContainsFunc(neurons, func(n subnettypes.Neuron) bool { return n.Uid == uid && n.Registered < first })
}

// proven checks the public proof against a closed server, as agora verify does. The error is errUnproven where there is none.
func (c *checker) proven(ctx context.Context, uid uint32, digest string, honest engine.Chatter) error {
	model, ok := honest.(engine.Replayer)
	if !ok {
		return errors.New("the liar's model cannot be run again")
	}
	for gateway := range c.file.Gateways {
		var told struct{ Proofs []audit.Proof }
		if err := c.get(ctx, fmt.Sprintf("%s%s%d", c.base(gateway), validator.ProofsPath, chatNet), &told); err != nil {
			return err
		}
		for _, p := range told.Proofs {
			s, err := p.Open(c.chain.ChainID())
			if err != nil {
				return err
			}
			if s.Server.UID != uid || exam.SpellDigest(s.Digest) != digest {
				continue
			}
			if err := s.Check(ctx, model); err != nil {
				return fmt.Errorf("the proof does not hold: %w", err)
			}
			return nil
		}
	}
	return errUnproven
}

// audits computes the weights of every voice's last epoch again.
func (c *checker) audits(ctx context.Context) (string, error) {
	var items int64
	examples, receipts := 0, 0
	for i := range c.file.Gateways {
		r, err := c.auditOf(ctx, i)
		if err != nil {
			return "", fmt.Errorf("validator%d: %w", i, err)
		}
		items, examples, receipts = r.Items, examples+r.Examples, receipts+r.Receipts
	}
	return fmt.Sprintf("identical for %d voices, on %d items; %d answers of servers are their models', %d receipts of bursts are theirs", len(c.file.Gateways), items, examples, receipts), nil
}

// auditOf computes one voice's weights again. Who had not examined everything when its weights were due is tried again in the next epoch.
func (c *checker) auditOf(ctx context.Context, gateway int) (r *daemon.Audited, err error) {
	for range liesWithin {
		s, failed := c.chain.Schedule(ctx, chatNet)
		if failed != nil {
			return nil, failed
		}
		again := &daemon.Again{
			Client: c.chain, Gateway: c.file.Gateways[gateway].URL, NetUID: chatNet, Epoch: s.Epoch - min(s.Epoch, uint64(s.RevealDelay)+1), Room: c.room, Samples: 2,
		}
		if r, err = again.Run(ctx); err == nil {
			return r, nil
		}
		fmt.Fprintf(c.out, "        validator%d, epoch %d: %v\n", gateway, again.Epoch, err)
		if _, failed := c.afterEpochs(ctx, chatNet, 1); failed != nil {
			return nil, failed
		}
	}
	return nil, err
}

// ours says that a server is one of the market's own.
func (c *checker) ours() func(exam.Server) bool {
	uids := make([]uint32, 0, len(c.file.Miners))
	for _, m := range c.minersOf(chatNet) {
		uids = append(uids, m.UID)
	}
	return func(s exam.Server) bool { return slices.Contains(uids, s.UID) }
}
