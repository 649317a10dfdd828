package validator

import (
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/mechanism/capacity"
	"agora/mechanism/price"
	"agora/mechanism/score"
	"agora/task"
	"agora/validator/burst"
	"agora/validator/exam"
)

// Config says for whom a validator judges and with what. Zero values take the defaults named beside them.
type Config struct {
	Client   *client.Client     // required
	HotKey   ed25519.PrivateKey // of its voices; required
	Operator string             // account address of the chain validator's operator; required
	Store    string             // path of the store's file; required

	Families map[string]task.Family  // by the name under which a subnet selects them; required
	Rules    map[string]score.Params // by family; score.DefaultParams
	Modules  Modules                 // families that others wrote; nil judges none of them
	Subnets  []uint32                // netuids to serve; all that are started and whose family is known
	Open     OpenChain               // what is to be known of subnets of open models; nil serves none
	Room     *exam.Room              // where their models are examined, and answers run again; required with Open
	Private  bool                    // other validators are asked at private addresses too: local networks only
	Payer    Payer                   // pays miners for questions beyond what emission pays for; nil where nobody pays

	Requests int           // requests open at once in all; 1024
	Deadline time.Duration // for one answer; 60 s, in which a model that thinks writes its 1,024 tokens
	Settling time.Duration // after the start, in which an absent miner is not blamed; 10 s
	Log      *slog.Logger  // slog.Default()
}

func (c Config) withDefaults() (Config, error) {
	if c.Open != nil && c.Room == nil {
		return c, errors.New("validator: Config.Open needs a Room")
	}
	if c.Client == nil || len(c.HotKey) != ed25519.PrivateKeySize || c.Operator == "" || c.Store == "" || len(c.Families) == 0 {
		return c, errors.New("validator: Config needs Client, HotKey, Operator, Store and Families")
	}
	set(&c.Requests, 1024)
	set(&c.Deadline, time.Minute)
	set(&c.Settling, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

func set[T int | time.Duration](v *T, byDefault T) {
	if *v <= 0 {
		*v = byDefault
	}
}

// Payer pays miners for being asked beyond what emission pays for. It is called concurrently and must not wait.
type Payer interface {
	// Begin says that a tempo has begun in a subnet, and which part of its voices' stake is this validator's.
	Begin(netuid uint32, tempo, stake, total uint64)
	// Affords says whether a miner can be asked now: within what is free, or paid.
	Affords(netuid uint32, m Miner) bool
	// Pays puts what a miner is owed into a request that takes at most so many tokens.
	Pays(h http.Header, netuid uint32, m Miner, most price.Tokens)
	// Asked notes what an answer took.
	Asked(netuid uint32, m Miner, used price.Tokens)
	// Owed says whether a miner that wants to be paid first has to answer for nothing: then its refusal is a failure.
	Owed(netuid uint32, m Miner, most price.Tokens) bool
}

// Modules are the tasks of subnets that run a module.
type Modules interface {
	// Family is a subnet's task in force; false while it is not ready here, or by the operator's policy never.
	Family(s subnettypes.Subnet) (task.Family, bool)
	// Task is one of a subnet's, in force now or before, as an examiner of open models sees it. An error says why it is not ready here.
	Task(netuid uint32, digest string) (exam.Task, error)
	// Next is the task that waits to follow it; false where none does, or it is not ready here.
	Next(s subnettypes.Subnet) (task.Family, bool)
}

// Validator judges the miners of every subnet that it serves.
type Validator struct {
	cfg       Config
	store     *store
	exams     *exam.Store   // nil without Config.Open
	audits    *auditors     // likewise
	rows      *burst.Book   // likewise
	scan      capacity.Scan // of Run's goroutine
	directory *directory
	queue     *client.Queue
	slots     chan struct{} // requests to miners open at once
	pace      pace

	mu    sync.RWMutex
	hub   Hub // nil until Run
	seats map[uint32]*seat
}

// New opens the store. Allow works from now on; judging begins with Run. Close releases the store.
func New(cfg Config) (*Validator, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := openStore(cfg.Store, cfg.Client.ChainID())
	if err != nil {
		return nil, err
	}
	var exams *exam.Store
	if cfg.Open != nil {
		if exams, err = exam.OpenStore(cfg.Store + ".exam"); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	v := &Validator{
		cfg: cfg, store: s, exams: exams, slots: make(chan struct{}, cfg.Requests), seats: map[uint32]*seat{},
		queue: cfg.Client.Queue(client.HotSigner(cfg.HotKey)),
	}
	if cfg.Open != nil {
		if err := v.openAudits(); err != nil {
			return nil, errors.Join(err, v.Close())
		}
		if v.rows, err = burst.Open(cfg.Store + ".burst"); err != nil {
			return nil, errors.Join(err, v.Close())
		}
	}
	v.directory = &directory{
		chain: cfg.Client, operator: cfg.Operator, hotKey: cfg.HotKey.Public().(ed25519.PublicKey), serves: v.serves, open: v.opens,
	}
	return v, nil
}

// Close releases the store. Call it after Run has returned.
func (v *Validator) Close() error {
	err := v.store.close()
	if v.exams != nil {
		err = errors.Join(err, v.exams.Close())
	}
	if v.audits != nil {
		err = errors.Join(err, v.audits.store.Close())
	}
	if v.rows != nil {
		err = errors.Join(err, v.rows.Close())
	}
	return err
}

// serves says whether a subnet is judged here.
func (v *Validator) serves(s subnettypes.Subnet) bool {
	if !s.Started || len(v.cfg.Subnets) > 0 && !slices.Contains(v.cfg.Subnets, s.Netuid) {
		return false
	}
	_, known := v.family(s)
	return known || v.holds(s)
}

// family is what judges a subnet here.
func (v *Validator) family(s subnettypes.Subnet) (task.Family, bool) {
	if s.Mechanism.Id == subnettypes.TaskModule && v.cfg.Modules != nil {
		return v.cfg.Modules.Family(s)
	}
	f, known := v.cfg.Families[s.Mechanism.Id]
	return f, known
}

// Reread makes the next block a reason to read the directory again.
func (v *Validator) Reread() { v.directory.reread() }

// Allow says whether a hot key may connect for a subnet: it must be a miner's there, and the subnet served here. The error tells
// the miner what to do. It is the admission of a wire.Hub.
func (v *Validator) Allow(netuid uint32, key ed25519.PublicKey) error {
	return v.directory.allow(netuid, key)
}

// Miners lists a subnet's miners by uid; nil for a subnet that is not served.
func (v *Validator) Miners(netuid uint32) []Miner {
	m := v.directory.market(netuid)
	if m == nil {
		return nil
	}
	v.mu.RLock()
	hub := v.hub
	v.mu.RUnlock()
	list := make([]Miner, len(m.miners))
	for i, miner := range m.miners {
		miner.Connected = hub != nil && hub.Connected(netuid, miner.HotKey)
		list[i] = miner
	}
	return list
}

// Scores ranks a subnet's miners by this validator's own judgement, best first; nil for a subnet that is not served.
func (v *Validator) Scores(netuid uint32) []score.Standing {
	s := v.seat(netuid)
	switch {
	case s == nil:
		return nil
	case s.course != nil:
		return v.examined(s)
	}
	return append([]score.Standing(nil), s.book.standings()...)
}

// Status says what the validator does in each subnet, by netuid.
func (v *Validator) Status() []Status {
	var list []Status
	for _, netuid := range v.directory.netuids() {
		if s := v.seat(netuid); s != nil {
			list = append(list, v.describe(s))
		}
	}
	return list
}

func (v *Validator) describe(s *seat) Status {
	s.mu.Lock()
	st := s.status
	s.mu.Unlock()
	st.NetUID, st.Family, st.Voice = s.netuid, s.family, -1
	if m := v.directory.market(s.netuid); m != nil {
		st.Name, st.Created = m.Name, m.CreatedTime
		if m.voice != nil {
			st.Voice = int64(*m.voice)
		}
	}
	miners := v.Miners(s.netuid)
	st.Miners = len(miners)
	for _, m := range miners {
		if m.Connected {
			st.Connected++
		}
	}
	if s.course != nil {
		p := s.course.Progress()
		st.Items, st.Settled, st.Examination = p.Examined*uint64(p.Items), p.Behind == 0, &p
		st.Closed = v.closed(s)
		return st
	}
	st.Items, st.Settled = s.book.progress(uidsOf(miners))
	return st
}

func uidsOf(miners []Miner) []uint16 {
	uids := make([]uint16, len(miners))
	for i, m := range miners {
		uids[i] = uint16(m.UID)
	}
	return uids
}

func (v *Validator) rules(family string) score.Params {
	if p, ok := v.cfg.Rules[family]; ok {
		return p
	}
	return score.DefaultParams()
}
