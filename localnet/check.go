package localnet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	openaigo "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/validator/daemon"
	"agora/validator/exam"
)

const (
	rankWithin   = 4    // epochs after the last registration, where answers are judged
	placeWithin  = 10   // and where models are examined: two tempos of items, one of weights, one until they are revealed, and what a loaded machine lags
	fallWithin   = 3    // epochs after a miner was switched off
	organic      = 60   // requests asked in the name of a consumer
	topTierShare = 0.95 // of them that the best model's servers must answer

	foundOut    = 1 << 17         // results of models and items: what exam.Backlog tempos of an old market ask is found out once, not for each voice again
	blockWithin = time.Minute     // in which a chain that goes on makes a block
	backWithin  = 3 * time.Minute // in which a check puts back what it changed: a voice changes hands once a tempo
)

// checker looks at a running market through the doors that anybody has, and its owner's control socket.
type checker struct {
	home   string
	file   *Description
	chain  *client.Client
	truth  truth
	room   *exam.Room // what is found out about a model is found out once
	out    io.Writer
	report *Report
}

// Check proves that the loop of the market on home is alive, within the given time. The report says what held; the error
// says why nothing could be checked.
func Check(ctx context.Context, home string, within time.Duration, progress io.Writer) (*Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not done within %s, which --within sets: all that an old market asked is examined again", within))
	defer cancel()
	c, err := open(home)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no market at %s: start one with `agora localnet --home %s`", home, home)
	}
	if err != nil {
		return nil, fmt.Errorf("the market at %s does not answer: start it with `agora localnet --home %s` (%w)", home, home, err)
	}
	r, err := newRivals(ctx)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(r.dir) // a folder of the system's
	weights := &daemon.Weights{Store: r.files, Chain: c.chain, Private: true}
	c.out, c.room = progress, exam.NewRoom(&exam.Shelf{Fetch: weights.Fetch}, 1)
	c.room.Keep(foundOut)
	defer c.room.Close() // its models were only read
	// New markets' epochs run while those of the others are looked at.
	stranger := c.beside(ctx, c.stranger)
	contest := newRounds()
	better := c.beside(ctx, func(ctx context.Context) (string, error) { return c.overtaken(ctx, r, contest) })
	withheld := c.beside(ctx, func(ctx context.Context) (string, error) { return c.withheld(ctx, contest, r) })
	copies := c.beside(ctx, func(ctx context.Context) (string, error) { return c.copies(ctx, r) })
	machines := c.beside(ctx, c.machines)
	c.run("the ranking is the true one", ctx, c.ranking)
	c.run("12 + 30 is 42", ctx, c.sum)
	c.run("the best serve", ctx, c.organic)
	c.run("an examination made apart agrees", ctx, c.apart)
	c.run("the chain pays the frontier", ctx, c.frontier)
	c.run("the weights follow from what is told", ctx, c.audits)
	c.run("a nominator earns its share", ctx, c.nominator)
	c.run("miners are paid to the rao", ctx, c.pay)
	c.run("what consumers pay arrives to the rao", ctx, c.payments)
	liar := c.beside(ctx, c.liar) // takes part in the chat market until it is closed
	c.run("no rao is lost", ctx, c.conserved)
	c.run("a stranger opens a market", ctx, stranger)
	c.run("copies and programs earn nothing", ctx, copies)
	c.run("a better model takes the place", ctx, better)
	c.run("a reveal that is withheld gains nothing", ctx, withheld)
	c.run("five keys on one machine earn what one does", ctx, machines)
	c.run("a liar is closed", ctx, liar)
	c.run("the next one takes over", ctx, c.failover)
	return c.report, nil
}

// beside begins a check that runs beside the others; the function waits for what it found.
func (c *checker) beside(ctx context.Context, check func(context.Context) (string, error)) func(context.Context) (string, error) {
	type found struct {
		detail string
		err    error
	}
	done := make(chan found, 1)
	go func() { // owned by the function returned, which Check always calls
		detail, err := check(ctx)
		done <- found{detail, err}
	}()
	return func(context.Context) (string, error) {
		f := <-done
		return f.detail, f.err
	}
}

// run notes what one check found.
func (c *checker) run(name string, ctx context.Context, check func(context.Context) (string, error)) {
	began := time.Now()
	detail, err := check(ctx)
	if err != nil {
		if detail = err.Error(); ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
			detail = context.Cause(ctx).Error() + ": " + detail
		}
	}
	f := Finding{Name: name, OK: err == nil, Detail: detail, Seconds: time.Since(began).Seconds()}
	c.report.Findings = append(c.report.Findings, f)
	fmt.Fprintf(c.out, "%5.1fs  %s: %s\n", f.Seconds, name, detail)
}

func (c *checker) minersOf(netuid uint32) []Miner {
	var list []Miner
	for _, m := range c.file.Miners {
		if m.NetUID == netuid {
			list = append(list, m)
		}
	}
	return list
}

// ladderOf leaves out the models of the store: nobody knows beforehand how many of the subnet's questions they answer.
func (c *checker) ladderOf(netuid uint32) []Miner {
	return slices.DeleteFunc(c.minersOf(netuid), func(m Miner) bool { return m.Engine == openModel })
}

// ranking waits for the first epoch in which every subnet's incentives follow true quality and counts it from the last
// registration.
func (c *checker) ranking(ctx context.Context) (string, error) {
	quality, err := c.truth.measure(ctx, append(c.ladderOf(chatNet), c.ladderOf(textNet)...))
	if err != nil {
		return "", err
	}
	var parts []string
	for _, n := range c.file.Subnets[:textNet] { // what the other one serves is not measured
		epochs, err := c.ranked(ctx, n.NetUID, quality)
		if err != nil {
			return "", fmt.Errorf("%s: %w", n.Name, err)
		}
		parts = append(parts, fmt.Sprintf("%s in epoch %d", n.Name, epochs))
	}
	return strings.Join(parts, ", ") + " after the last registration", nil
}

// ranked returns how many epochs after the last registration the order was right for the first time.
func (c *checker) ranked(ctx context.Context, netuid uint32, quality map[string]Quality) (int, error) {
	neurons, err := c.chain.Neurons(ctx, netuid)
	if err != nil {
		return 0, err
	}
	var last int64
	for _, n := range neurons {
		last = max(last, n.Registered)
	}
	for {
		records, err := c.chain.Epochs(ctx, netuid, 100)
		if err != nil {
			return 0, err
		}
		count, why := 0, "no epoch has run"
		for i := len(records) - 1; i >= 0; i-- {
			if records[i].Height <= last {
				continue
			}
			count++
			var right bool
			if right, why = ordered(c.ladderOf(netuid), quality, incentives(records[i])); right {
				return count, nil
			}
			if count >= within(netuid) {
				return 0, fmt.Errorf("after %d epochs %s", count, why)
			}
		}
		if err := c.nextBlock(ctx); err != nil {
			return 0, fmt.Errorf("%w: %s", err, why)
		}
	}
}

// within is how many epochs a market may take to rank its miners.
func within(netuid uint32) int {
	if netuid == chatNet {
		return placeWithin
	}
	return rankWithin
}

// incentives unpacks an epoch's column.
func incentives(r yumatypes.EpochRecord) map[uint32]uint32 {
	out := map[uint32]uint32{}
	for i := 0; i+1 < len(r.Incentive); i += 2 {
		out[uint32(i/2)] = uint32(binary.LittleEndian.Uint16(r.Incentive[i:]))
	}
	return out
}

func (c *checker) nextBlock(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, blockWithin)
	defer cancel()
	_, ok := <-c.chain.Blocks(wait)
	switch {
	case ok:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("the chain stands still: it made no block within %s", blockWithin)
}

// await looks after every block whether something has come to be, for as many looks as some epochs of the market have blocks. The error
// says what was waited for.
func (c *checker) await(ctx context.Context, epochs int64, what string, look func() (bool, error)) error {
	for range epochs * c.file.Tempo {
		if is, err := look(); is || err != nil {
			return err
		}
		if err := c.nextBlock(ctx); err != nil {
			return fmt.Errorf("%w; it waited until %s", err, what)
		}
	}
	return fmt.Errorf("it waited for %d epochs until %s", epochs, what)
}

// putBack undoes what a check changed, though the check's own time may be over.
func putBack(ctx context.Context, undo func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), backWithin, fmt.Errorf("what it changed was not put back within %s", backWithin))
	defer cancel()
	err := undo(ctx)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// afterEpochs waits until n more epochs of the subnet have run and returns the last record.
func (c *checker) afterEpochs(ctx context.Context, netuid uint32, n uint64) (yumatypes.EpochRecord, error) {
	var target uint64
	for {
		records, err := c.chain.Epochs(ctx, netuid, 1)
		if err != nil {
			return yumatypes.EpochRecord{}, err
		}
		if len(records) > 0 {
			if target == 0 {
				target = records[0].Epoch + n
			}
			if records[0].Epoch >= target {
				return records[0], nil
			}
		}
		if err := c.nextBlock(ctx); err != nil {
			return yumatypes.EpochRecord{}, fmt.Errorf("%w; it waited for epoch %d of subnet %d", err, target, netuid)
		}
	}
}

// ask sends one chat question through a gateway with OpenAI's own client and returns answer and the uid that gave it.
func (c *checker) ask(ctx context.Context, gateway int, question string) (answer string, uid uint32, err error) {
	return c.askModel(ctx, gateway, c.file.Subnets[0].Name, question)
}

// askModel is ask for a model or subnet of this name.
func (c *checker) askModel(ctx context.Context, gateway int, model, question string) (answer string, uid uint32, err error) {
	r, err := c.buy(ctx, gateway, model, question)
	return r.answer, r.uid, err
}

// bought is an answer with who gave it, and what it cost, as the consumer reads it.
type bought struct {
	answer string
	uid    uint32
	cost   cost
}

// buy is askModel that looks at the bill too.
func (c *checker) buy(ctx context.Context, gateway int, model, question string) (b bought, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	g := c.file.Gateways[gateway]
	oai := openaigo.NewClient(option.WithBaseURL(g.URL), option.WithAPIKey(g.Key), option.WithMaxRetries(0))
	var raw *http.Response
	reply, err := oai.Chat.Completions.New(ctx, openaigo.ChatCompletionNewParams{
		Model: model, Messages: []openaigo.ChatCompletionMessageParamUnion{openaigo.UserMessage(question)},
	}, option.WithResponseInto(&raw))
	if refused := (*openaigo.Error)(nil); errors.As(err, &refused) {
		return b, fmt.Errorf("%w: %s", err, refused.Message) // which the client keeps to itself
	}
	if err != nil {
		return b, err
	}
	text, _, _ := strings.Cut(raw.Header.Get("x-agora-miner"), "/")
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || len(reply.Choices) == 0 {
		return b, fmt.Errorf("the reply names no miner or holds no answer: %q", raw.Header.Get("x-agora-miner"))
	}
	b.answer, b.uid = reply.Choices[0].Message.Content, uint32(n)
	b.cost, err = costOf([]byte(reply.RawJSON()))
	return b, err
}

func (c *checker) sum(ctx context.Context) (string, error) {
	answer, uid, err := c.ask(ctx, 0, "What is 12 + 30?")
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(answer) != "42" {
		return "", fmt.Errorf("uid %d answered %q", uid, answer)
	}
	return fmt.Sprintf("answered by uid %d", uid), nil
}

// topTier lists the servers of the model whose server had the most incentive in the last epoch: they share its place by what they can do.
func (c *checker) topTier(ctx context.Context) (map[uint32]bool, error) {
	g, err := c.chain.Metagraph(ctx, chatNet)
	if err != nil {
		return nil, err
	}
	var most, best uint32
	for _, u := range g.Uids {
		if u.Incentive > most {
			most, best = u.Incentive, u.Uid
		}
	}
	model := ""
	for _, m := range c.minersOf(chatNet) {
		if m.UID == best {
			model = m.Model
		}
	}
	top := map[uint32]bool{}
	for _, m := range c.minersOf(chatNet) {
		if most > 0 && m.Model == model {
			top[m.UID] = true
		}
	}
	return top, nil
}

// organic asks as consumers do, at every gateway in turn.
func (c *checker) organic(ctx context.Context) (string, error) {
	top, err := c.topTier(ctx)
	if err != nil {
		return "", err
	}
	hits := 0
	for i := range organic {
		_, uid, err := c.ask(ctx, i%len(c.file.Gateways), fmt.Sprintf("What is %d + %d?", 10+i, 100+3*i)) // no judge asks for such a sum
		if err != nil {
			return "", fmt.Errorf("request %d: %w", i, err)
		}
		if top[uid] {
			hits++
		}
	}
	detail := fmt.Sprintf("%d of %d requests went to the %d servers of the best model", hits, organic, len(top))
	if float64(hits) < topTierShare*organic {
		return "", errors.New(detail)
	}
	return detail, nil
}

// failover switches the best miner off: the next request must succeed elsewhere and the chain must notice.
func (c *checker) failover(ctx context.Context) (_ string, err error) {
	_, best, err := c.ask(ctx, 0, "Add 20 and 22.") // in words that the stranger's market does not ask in: an open question is refused
	if err != nil {
		return "", err
	}
	name := ""
	for _, m := range c.minersOf(chatNet) {
		if m.UID == best {
			name = m.Name
		}
	}
	if err := order(ctx, c.home, name, "stop"); err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, putBack(ctx, func(ctx context.Context) error { return order(ctx, c.home, name, "start") }))
	}()
	_, second, err := c.ask(ctx, 0, "Add 20 and 23.")
	if err != nil {
		return "", fmt.Errorf("the request after %s stopped: %w", name, err)
	}
	for n := 1; n <= fallWithin; n++ {
		record, err := c.afterEpochs(ctx, chatNet, 1)
		if err != nil {
			return "", err
		}
		if in := incentives(record); in[best] < in[second] {
			return fmt.Sprintf("uid %d answered when uid %d was off, which lost its rank in %d epochs", second, best, n), nil
		}
	}
	return "", fmt.Errorf("uid %d still leads %d epochs after it was switched off", best, fallWithin)
}
