package web

import (
	"context"
	"strings"
	"time"
)

// Source gives what the pages show. It is asked at most once per second, however many people look.
type Source interface {
	// Snapshot returns the state of the market now. The caller does not change it, and neither may the Source.
	Snapshot(ctx context.Context) (*Snapshot, error)
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
}

// Module is a subnet's task as the chain names it and this validator runs it.
type Module struct {
	Digest  string    `json:"digest"` // "sha256:<hex>"; the file is at /v1/tasks/ and the hex
	Name    string    `json:"name"`   // what the module calls itself; empty until it is here
	Source  string    `json:"source"` // where its author says that its source is
	Calls   uint64    `json:"calls"`  // items and scores of this validator since it started
	Failed  uint64    `json:"failed"` // of them
	MeanMS  float64   `json:"mean_ms"`
	Problem string    `json:"problem"` // why it does not judge here
	Next    string    `json:"next"`    // digest of the one that follows, if one is announced
	NextAt  time.Time `json:"next_at"` // not before
}

// File is the path of the module's file.
func (m *Module) File() string { return "/v1/tasks/" + strings.TrimPrefix(m.Digest, "sha256:") }

// Miner is one place in a subnet.
type Miner struct {
	UID       uint32  `json:"uid"`
	HotKey    string  `json:"hot_key"` // peer id
	Owner     string  `json:"owner"`
	Model     string  `json:"model"`
	Engine    string  `json:"engine"`
	Incentive float64 `json:"incentive"` // share of the miners' pay in the last epoch, 0 to 1
	Emission  uint64  `json:"emission"`  // in the last epoch
	Score     *Score  `json:"score"`     // of this gateway's own validator; nil before it has judged
	Connected bool    `json:"connected"` // to this gateway
	PriceIn   uint64  `json:"price_in"`  // per million tokens read, with this gateway's mark-up
	PriceOut  uint64  `json:"price_out"` // per million tokens written
	Income    uint64  `json:"income"`    // of its owner, for answers to this gateway's consumers in the subnet
}

// Score is what one validator found, with the bounds it is sure of; 0 to 1, higher is better.
type Score struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Items int     `json:"items"` // challenges judged

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
