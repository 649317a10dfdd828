package web

import (
	"context"
	"fmt"
	"strings"
	"time"

	"agora/engine/near"
)

// Source gives what the pages show. It is asked at most once per second, however many people look.
type Source interface {
	// Snapshot returns the state of the market now. The caller does not change it, and neither may the Source.
	Snapshot(ctx context.Context) (*Snapshot, error)
	// Exam returns what was found out about an open model; nil where it is not examined here. It is asked when somebody looks.
	Exam(ctx context.Context, netuid uint32, digest string) (*Exam, error)
}

// Snapshot is the market at one height. Amounts are in rao, 10⁹ to the TAO.
type Snapshot struct {
	ChainID    string      `json:"chain_id"`
	Height     int64       `json:"height"`
	BlockTime  time.Time   `json:"block_time"` // in the header of that height
	Ledger     Ledger      `json:"ledger"`
	Subnets    []Subnet    `json:"subnets"`
	Validators []Validator `json:"validators"`
}

// Ledger is the network's book since genesis: Minted = Paid + Pending + Burned.
type Ledger struct {
	Minted   uint64 `json:"minted"`
	Paid     uint64 `json:"paid"`
	Pending  uint64 `json:"pending"`
	Burned   uint64 `json:"burned"`
	PerDay   uint64 `json:"per_day"`  // minted in 24 hours at today's rate
	Issuance uint64 `json:"issuance"` // that exist
	Bonded   uint64 `json:"bonded"`   // staked to validators
}

// Kind says by which endpoint a subnet is asked.
type Kind string

// The kinds of subnets that the page can ask.
const (
	KindChat       Kind = "chat"       // POST /v1/chat/completions
	KindCompletion Kind = "completion" // POST /v1/completions
)

// Subnet is one market.
type Subnet struct {
	NetUID      uint32  `json:"netuid"`
	Name        string  `json:"name"`
	Task        string  `json:"task"` // the family of challenges that judges it
	Description string  `json:"description"`
	Module      *Module `json:"module,omitempty"` // the task that somebody wrote; nil for one that is built in
	Kind        Kind    `json:"kind"`
	Started     bool    `json:"started"`
	Epoch       uint64  `json:"epoch"`      // the last that was run, 0 before the first
	NextEpoch   int64   `json:"next_epoch"` // height at which the next is run
	Tempo       uint64  `json:"tempo"`      // blocks from one epoch to the next
	Share       float64 `json:"share"`      // of the network's emission, 0 to 1
	Emission    uint64  `json:"emission"`   // of the last epoch
	Claimed     uint64  `json:"claimed"`    // for work in it, through payment channels since the beginning
	Demand      uint64  `json:"demand"`     // of that, burned
	Rank        string  `json:"rank"`       // what the gateway goes by: "chain", "own" or "none"
	Miners      []Miner `json:"miners"`
	Open        bool    `json:"open"`   // models are published and examined; else they are black boxes
	Listed      []Model `json:"models"` // in the order of their commits
	Held        []Held  `json:"-"`      // who held which place, newest first
}

// Module is a subnet's task as the chain names it and this validator runs it.
type Module struct {
	Digest  string    `json:"digest"` // "sha256:<hex>"; the file is at /v1/tasks/ and the hex
	Name    string    `json:"name"`   // what the module calls itself; empty until it is here
	Source  string    `json:"source"` // where its author says that its source is
	Files   []File    `json:"-"`      // of its source, as far as it carries them
	About   string    `json:"about"`  // what it says that it asks
	Items   uint64    `json:"items"`  // that this validator drew since it started
	Scores  uint64    `json:"scores"` // that it gave
	Asks    uint64    `json:"asks"`   // questions that its scores put to models
	Failed  uint64    `json:"failed"` // items and scores
	Judges  []string  `json:"judges"` // operators whose voices speak in the subnet
	MeanMS  float64   `json:"mean_ms"`
	Problem string    `json:"problem"` // why it does not judge here
	Next    string    `json:"next"`    // digest of the one that follows, if one is announced
	NextAt  time.Time `json:"next_at"` // not before
	Tried   []Tried   `json:"tried"`   // what the next one thinks of the miners until then
}

// File is one of a module's source.
type File struct{ Name, Text string }

// shownSource bounds what a page shows of a module's source, in bytes: pages are asked for again and again.
const shownSource = 16 << 10

// Shown is the source that fits on a page.
func (m *Module) Shown() []File {
	size := 0
	for i, f := range m.Files {
		if size += len(f.Text); size > shownSource {
			return m.Files[:i]
		}
	}
	return m.Files
}

// Tried is what the task that waits to judge thinks of a miner.
type Tried struct {
	UID   uint32  `json:"uid"`
	Items int     `json:"items"`
	Mean  float64 `json:"mean"`
}

// File is the path of the module's file.
func (m *Module) File() string { return "/v1/tasks/" + strings.TrimPrefix(m.Digest, "sha256:") }

// Miner is one place in a subnet.
type Miner struct {
	UID       uint32  `json:"uid"`
	HotKey    string  `json:"hot_key"` // peer id
	Owner     string  `json:"owner"`
	Model     string  `json:"model"`
	Digest    string  `json:"digest"` // of the model, "sha256:<hex>", as its card says; empty if it says none
	Engine    string  `json:"engine"`
	Incentive float64 `json:"incentive"` // share of the miners' pay in the last epoch, 0 to 1
	Emission  uint64  `json:"emission"`  // in the last epoch
	Score     *Score  `json:"score"`     // of this gateway's own validator; nil before it has judged
	Connected bool    `json:"connected"` // to this gateway
	PriceIn   uint64  `json:"price_in"`  // per million tokens read, with this gateway's mark-up
	PriceOut  uint64  `json:"price_out"` // per million tokens written
	CardIn    uint64  `json:"card_in"`   // as its card says, without a mark-up
	CardOut   uint64  `json:"card_out"`
	Income    uint64  `json:"income"` // of its owner, for answers to this gateway's consumers in the subnet
	Audits    *Audits `json:"audits"` // of a server of an open model; nil where answers are not run again
}

// Audits are what one validator found when it ran a server's answers on the named model again.
type Audits struct {
	Paid    bool    `json:"paid"`   // its gate is open
	Closed  bool    `json:"closed"` // two answers were false
	Why     string  `json:"why"`
	Answers uint64  `json:"answers"` // that could have been audited
	Right   int     `json:"right"`   // of the latest audits
	False   int     `json:"false"`
	Last    []Audit `json:"last"` // the newest last

	Near *Near `json:"near,omitempty"` // of a server on another engine; nil where nothing was measured

	Service  float64 `json:"service"`  // that its weight is multiplied with, 0 to 1
	Asked    uint64  `json:"asked"`    // about how many requests of this validator's own that is by
	Answered uint64  `json:"answered"` // of them

	Capacity float64   `json:"capacity"` // tokens in a second, the mean of Figures; 0 where Figures are nil
	Figures  []float64 `json:"figures"`  // of the last moments, the newest last; nil before anything was measured in the subnet
}

// Near is how far a server on another engine is from its model's own answers, which decides nothing and is never paid.
type Near struct {
	Distance float64                 `json:"distance"`         // nats a token, the mean over Tokens
	Peak     float64                 `json:"peak"`             // nats, the mean of the answers' largest
	Tokens   float64                 `json:"tokens"`           // of the latest answers
	Honest   *near.Figures           `json:"honest,omitempty"` // what was measured of an honest server with this model and engine; nil where nobody did
	Others   map[string]near.Figures `json:"others,omitempty"` // and of others
}

// said is what a page says of it.
func (n *Near) said() string {
	text := fmt.Sprintf("It runs another engine. Its answers are %.4f nats a token from its model's over %.0f tokens, %.2f where an answer is farthest", n.Distance, n.Tokens, n.Peak)
	if n.Honest == nil {
		return text + "; nobody has measured yet how far an honest server with this engine is (agora model calibrate)."
	}
	return fmt.Sprintf("%s; of an honest server with this engine %.4f and %.2f were measured over %d tokens.", text, n.Honest.Distance, n.Honest.Peak, n.Honest.Tokens)
}

// Audit is one of them.
type Audit struct {
	At      time.Time `json:"at"`
	Receipt string    `json:"receipt"` // its name
	Outcome string    `json:"outcome"` // "right", "false", "void", "unknown"
	Reason  string    `json:"reason,omitempty"`
}

// Score is what one validator found, with the bounds it is sure of; 0 to 1, higher is better.
type Score struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Items int     `json:"items"` // challenges judged

	Weight float64 `json:"weight"` // that the validator would give it now, relative to others

	Service float64 `json:"service"`           // how quickly and reliably it answers, 0 to 1
	Ready   bool    `json:"ready"`             // judged often enough to have a weight
	Tier    int     `json:"tier"`              // 0 is the best; miners of one tier share a prize
	CopyOf  *uint32 `json:"copy_of,omitempty"` // uid whose answers it gives
}

// Validator is one judge.
type Validator struct {
	Name       string  `json:"name"`
	Operator   string  `json:"operator"`
	Stake      uint64  `json:"stake"`
	Share      float64 `json:"share"`      // of what is bonded, 0 to 1
	Commission float64 `json:"commission"` // of its nominators' dividends, 0 to 1
	Jailed     bool    `json:"jailed"`
	Gateway    string  `json:"gateway"` // base URL, empty if it has none
	Markup     uint64  `json:"markup"`  // above the miners' prices, in basis points
	Voices     []Voice `json:"voices"`
}

// Voice is a validator's part in one subnet.
type Voice struct {
	NetUID    uint32  `json:"netuid"`
	UID       uint32  `json:"uid"`
	Trust     float64 `json:"trust"`     // how much of its weight the consensus shares, 0 to 1
	Dividends float64 `json:"dividends"` // share of the validators' pay in the last epoch, 0 to 1
	Emission  uint64  `json:"emission"`  // in the last epoch
	Active    bool    `json:"active"`    // revealed weights lately
}
