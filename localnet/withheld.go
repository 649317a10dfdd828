package localnet

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/miner/enrolment"
	"agora/task"
)

const (
	withholderName  = "withholder"     // the hot key by which the check speaks for a validator
	withholderPrice = 64 * network.TAO // at most, for its place
	withheldLeast   = 2                // tempos in which it withholds its reveal
	revealedLeast   = 1                // and in which it does not
	withheldWithin  = 10               // tempos in which there must be so many, since it has the voice
	voiceWithin     = 4                // tempos until the validator has a voice, and another key may have it
)

// rounds are the tempos of a market that the check has open for a while, for another check to speak in.
type rounds struct {
	open chan uint32   // the market's netuid; closed without one where it could not be opened
	over chan struct{} // closed when nobody needs it any more
}

func newRounds() *rounds { return &rounds{make(chan uint32, 1), make(chan struct{})} }

// wait ends when nobody needs the market any more.
func (r *rounds) wait(ctx context.Context) {
	select {
	case <-r.over:
	case <-ctx.Done():
	}
}

// withholder is a validator's voice in a market, in the check's hands.
type withholder struct {
	*checker
	netuid   uint32
	uid      uint32
	hot      ed25519.PrivateKey
	operator string
	queue    *client.Queue
	sealed   map[uint64]sealed // by the epoch of the commit
	choices  []choice
}

// sealed is what a commit hides.
type sealed struct {
	uids, weights []uint32
	salt          []byte
}

// choice is a tempo at whose end the voice could choose between two seeds, by revealing or not.
type choice struct {
	epoch      uint64 // that the seed is of
	revealed   bool
	told, kept task.Seed // what the seed is with its salt and without
	dividends  uint32    // of 65,535, that its voice had of the tempo before
	proposers  int       // of the blocks in which it could reveal, how many different ones
	left, late int       // reveals that a first block left out and that others took, and those that came when no other block was left
}

// withheld speaks for one of the validators in the contest that the check has open, and withholds every second reveal. The chain makes the
// seed of the others' salts, the voice has no dividends of the tempo, reveals that a proposer leaves out come into the next one's blocks, and
// what the better one of two seeds is worth for a model moves its lead by less than half a point.
func (c *checker) withheld(ctx context.Context, in *rounds, r *rivals) (_ string, err error) {
	defer close(in.over)
	var netuid uint32
	select {
	case netuid = <-in.open:
	case <-ctx.Done():
	}
	if netuid == 0 {
		return "", errors.New("the market was not opened")
	}
	if n := len(c.file.Validators); n < 3 {
		return fmt.Sprintf("not looked at: of %d voices none can be silent, or nothing is decided", n), nil
	}
	w, giveBack, err := c.takeVoice(ctx, netuid)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, putBack(ctx, giveBack)) }()
	defer func() {
		err = errors.Join(err, putBack(ctx, func(ctx context.Context) error { return w.leaveOut(ctx, 0, 0) }))
	}()
	if err := w.speak(ctx); err != nil {
		return "", err
	}
	return w.judge(ctx, r)
}

// takeVoice gives the last validator's voice in a market to a key of the check's. The function gives it back.
func (c *checker) takeVoice(ctx context.Context, netuid uint32) (*withholder, func(context.Context) error, error) {
	name := fmt.Sprintf("validator%d", len(c.file.Validators)-1)
	owner, err := c.coldKey(name)
	if err != nil {
		return nil, nil, err
	}
	cold := c.chain.Queue(owner)
	w := &withholder{
		checker: c, netuid: netuid, hot: keys(c.file.Seed).hot(withholderName), operator: cold.Address(), sealed: map[uint64]sealed{},
	}
	w.queue = c.chain.Queue(client.HotSigner(w.hot))
	own, err := w.voice(ctx)
	if err != nil {
		return nil, nil, err
	}
	r, err := enrolment.Enrol(ctx, c.chain, enrolment.Request{NetUID: netuid, Hot: w.hot, Owner: owner, MaxPrice: withholderPrice})
	if err != nil {
		return nil, nil, fmt.Errorf("register a key for %s: %w", name, err)
	}
	w.uid = r.UID
	give := func(ctx context.Context, uid uint32) error {
		if err := w.settled(ctx); err != nil {
			return err
		}
		_, err := cold.Send(ctx, &subnettypes.MsgSetVoice{Operator: w.operator, Netuid: netuid, Uid: uid})
		return err
	}
	return w, func(ctx context.Context) error { return give(ctx, own.Uid) }, give(ctx, w.uid)
}

// voice waits until the validator has a voice, which it takes by itself.
func (w *withholder) voice(ctx context.Context) (subnettypes.Voice, error) {
	for range voiceWithin * w.file.Tempo {
		voices, err := w.chain.Voices(ctx, w.netuid)
		if err != nil {
			return subnettypes.Voice{}, err
		}
		for _, v := range voices {
			if v.Voice.Operator == w.operator {
				return v.Voice, nil
			}
		}
		if err := w.nextBlock(ctx); err != nil {
			return subnettypes.Voice{}, fmt.Errorf("%w; it waited for a voice of %s in subnet %d", err, w.operator, w.netuid)
		}
	}
	return subnettypes.Voice{}, fmt.Errorf("%s has taken no voice in subnet %d", w.operator, w.netuid)
}

// settled waits until the voice is of an earlier tempo: then another key may have it.
func (w *withholder) settled(ctx context.Context) error {
	return w.await(ctx, voiceWithin, fmt.Sprintf("the voice of %s in subnet %d is of an earlier tempo", w.operator, w.netuid), func() (bool, error) {
		v, err := w.voice(ctx)
		if err != nil {
			return false, err
		}
		s, err := w.chain.Schedule(ctx, w.netuid)
		return err == nil && v.ChangedHeight < s.Start, err
	})
}

// speak commits in every tempo, withholds every second reveal, and looks at what becomes of it.
func (w *withholder) speak(ctx context.Context) error {
	for range withheldWithin {
		s, err := w.chain.Schedule(ctx, w.netuid)
		if err != nil {
			return err
		}
		if err := w.commit(ctx, s); err != nil {
			return err
		}
		if err := w.leaveOut(ctx, w.netuid, s.RevealFrom); err != nil {
			return err
		}
		if err := w.reveal(ctx, s); err != nil {
			return err
		}
		if err := w.look(ctx, s); err != nil {
			return err
		}
		if withheld, revealed := w.count(); withheld >= withheldLeast && revealed >= revealedLeast && w.leftOut() >= leftOutLeast {
			return nil
		}
	}
	withheld, revealed := w.count()
	if withheld >= withheldLeast && revealed >= revealedLeast {
		return nil // no reveal was there in time for a first block: the report says that none was left out
	}
	return fmt.Errorf("in %d tempos the voice could withhold %d reveals and make %d", withheldWithin, withheld, revealed)
}

func (w *withholder) count() (withheld, revealed int) {
	for _, c := range w.choices {
		if c.revealed {
			revealed++
		} else {
			withheld++
		}
	}
	return withheld, revealed
}

// rows are the weights that were revealed in a tempo, in order of uid.
func (w *withholder) rows(ctx context.Context, epoch uint64) ([]yumatypes.Row, error) {
	reply, err := yumatypes.NewQueryClient(w.chain.Conn()).Weights(ctx, &yumatypes.QueryWeightsRequest{Netuid: w.netuid})
	if err != nil {
		return nil, err
	}
	rows := slices.DeleteFunc(reply.Rows, func(r yumatypes.Row) bool { return r.Epoch != epoch || len(r.Salt) == 0 })
	slices.SortStableFunc(rows, func(a, b yumatypes.Row) int { return cmp.Compare(a.Uid, b.Uid) })
	return rows, nil
}

// commit says what another voice said in the tempo before, under a salt of its own. Where nobody said anything it says nothing.
func (w *withholder) commit(ctx context.Context, s yumatypes.Schedule) error {
	rows, err := w.rows(ctx, s.Epoch-min(s.Epoch, 1))
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r yumatypes.Row) bool { return r.Operator == w.operator })
	if len(rows) == 0 {
		return nil
	}
	v := sealed{salt: make([]byte, 32)}
	rand.Read(v.salt) // never fails
	for entries := rows[0].Entries; len(entries) >= 4; entries = entries[4:] {
		v.uids = append(v.uids, uint32(binary.LittleEndian.Uint16(entries)))
		v.weights = append(v.weights, uint32(binary.LittleEndian.Uint16(entries[2:])))
	}
	hash := yumatypes.CommitHash(w.chain.ChainID(), w.netuid, s.Epoch, publicOf(w.hot), v.uids, v.weights, v.salt)
	if w.send(ctx, s.CommitUntil, &yumatypes.MsgCommitWeights{HotAccount: w.queue.Address(), Netuid: w.netuid, Epoch: s.Epoch, Hash: hash[:]}) {
		w.sealed[s.Epoch] = v
	}
	return nil
}

// send says whether the chain took a message. One that comes too late is told: the next tempo is as good.
func (w *withholder) send(ctx context.Context, last int64, m sdk.Msg) bool {
	_, err := w.queue.SendBy(ctx, last, m)
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(w.out, "        %s: %v\n", withholderName, err)
	}
	return err == nil
}

// reveal opens the commit of the tempo before when the others have opened theirs, in every second tempo.
func (w *withholder) reveal(ctx context.Context, s yumatypes.Schedule) error {
	epoch, ok := s.RevealOf()
	v, has := w.sealed[epoch]
	if err := w.until(ctx, s.RevealFrom+1); err != nil || !ok || !has || len(w.choices)%2 == 0 {
		return err
	}
	w.send(ctx, s.RevealUntil, &yumatypes.MsgRevealWeights{
		HotAccount: w.queue.Address(), Netuid: w.netuid, Epoch: epoch, Uids: v.uids, Weights: v.weights, Salt: v.salt,
	})
	return nil
}

// until waits for a block.
func (w *withholder) until(ctx context.Context, height int64) error {
	for {
		if now, err := w.chain.Height(ctx); err != nil || now >= height {
			return err
		}
		if err := w.nextBlock(ctx); err != nil {
			return fmt.Errorf("%w; it waited for block %d", err, height)
		}
	}
}

// look waits for the next tempo and looks at what became of the reveals of this one.
func (w *withholder) look(ctx context.Context, s yumatypes.Schedule) error {
	for now := s; now.Epoch == s.Epoch; {
		if err := w.nextBlock(ctx); err != nil {
			return fmt.Errorf("%w; it waited for the end of tempo %d of subnet %d", err, s.Epoch, w.netuid)
		}
		var err error
		if now, err = w.chain.Schedule(ctx, w.netuid); err != nil {
			return err
		}
	}
	epoch, ok := s.RevealOf()
	v, has := w.sealed[epoch]
	if !ok || !has {
		return nil
	}
	rows, err := w.rows(ctx, s.Epoch)
	if err != nil {
		return err
	}
	c, err := w.drawn(ctx, s.Epoch, v.salt, rows)
	if err != nil {
		return err
	}
	if err := errors.Join(w.paid(ctx, s.Epoch, &c), w.proposed(ctx, s, &c), w.taken(ctx, s, rows, &c)); err != nil {
		return err
	}
	w.choices = append(w.choices, c)
	return nil
}

// drawn holds the seed that followed a tempo to the salts that were revealed in it.
func (w *withholder) drawn(ctx context.Context, epoch uint64, salt []byte, rows []yumatypes.Row) (c choice, err error) {
	before, err := w.chain.Seed(ctx, w.netuid, epoch)
	if err != nil {
		return c, err
	}
	seed, err := w.chain.Seed(ctx, w.netuid, epoch+1)
	if err != nil {
		return c, err
	}
	c = twoSeeds(w.chain.ChainID(), before, rows, w.operator, w.uid, salt)
	if want := c.seed(); !bytes.Equal(want[:], seed.Seed) || int(seed.Reveals) != len(rows) {
		return c, fmt.Errorf("the seed of tempo %d in subnet %d is %x of %d reveals, of the salts revealed follows %x of %d", seed.Epoch, w.netuid, seed.Seed, seed.Reveals, want, len(rows))
	}
	return c, nil
}

// twoSeeds are those between which a voice with a salt could choose at the end of a tempo with a seed, where these rows were revealed.
func twoSeeds(chain string, before yumatypes.Seed, rows []yumatypes.Row, operator string, uid uint32, salt []byte) choice {
	c := choice{epoch: before.Epoch + 1}
	var told, kept [][]byte
	for _, r := range rows {
		if c.revealed = c.revealed || r.Operator == operator; r.Operator == operator {
			continue
		}
		if len(told) == len(kept) && r.Uid > uid {
			told = append(told, salt)
		}
		told, kept = append(told, r.Salt), append(kept, r.Salt)
	}
	if len(told) == len(kept) {
		told = append(told, salt)
	}
	c.told = yumatypes.NextSeed(chain, before.Netuid, c.epoch, told, before.Seed)
	c.kept = yumatypes.NextSeed(chain, before.Netuid, c.epoch, kept, before.Seed)
	return c
}

// seed is the one that it chose.
func (c *choice) seed() task.Seed {
	if c.revealed {
		return c.told
	}
	return c.kept
}

// paid reads what the voice had of a tempo's dividends. Who has withheld has none.
func (w *withholder) paid(ctx context.Context, epoch uint64, c *choice) error {
	records, err := w.chain.Epochs(ctx, w.netuid, 10)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(records, func(r yumatypes.EpochRecord) bool { return r.Epoch == epoch })
	if i < 0 {
		return fmt.Errorf("the chain has no record of epoch %d of subnet %d", epoch, w.netuid)
	}
	r := records[i]
	if at := 2 * int(w.uid); at+1 < len(r.Dividends) {
		c.dividends = uint32(binary.LittleEndian.Uint16(r.Dividends[at:]))
	}
	active := int(w.uid) < len(r.Active) && r.Active[w.uid] > 0
	if active != c.revealed || !c.revealed && c.dividends > 0 || !r.Decided {
		return fmt.Errorf("in epoch %d of subnet %d, decided %t, the voice revealed %t and was active %t with dividends of %d", epoch, w.netuid, r.Decided, c.revealed, active, c.dividends)
	}
	return nil
}

// proposed counts who proposed the blocks in which the voice could reveal: a proposer who has them all can keep a reveal out, and nobody
// else can do anything about a seed.
func (w *withholder) proposed(ctx context.Context, s yumatypes.Schedule, c *choice) error {
	who := map[string]bool{}
	for height := s.RevealFrom; height <= s.RevealUntil; height++ {
		var told struct {
			Result struct {
				Block struct {
					Header struct {
						Proposer string `json:"proposer_address"`
					}
				}
			}
		}
		if err := w.get(ctx, fmt.Sprintf("%s/block?height=%d", w.file.RPC[0], height), &told); err != nil {
			return err
		}
		who[told.Result.Block.Header.Proposer] = true
	}
	if c.proposers = len(who); c.proposers < 2 {
		return fmt.Errorf("one proposer had all blocks from %d to %d", s.RevealFrom, s.RevealUntil)
	}
	return nil
}
