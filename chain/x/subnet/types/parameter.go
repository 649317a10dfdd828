package types

import (
	"fmt"
	"slices"
)

// Who may change a hyperparameter. Governance may change every one.
const (
	ByOwner      = "owner"
	ByGovernance = "governance"
)

// Names of the hyperparameters of a subnet.
const (
	Tempo              = "tempo"
	RevealDelay        = "reveal_delay"
	CommitReveal       = "commit_reveal"
	EvidenceLeaves     = "evidence_leaves"
	MinAllowedWeights  = "min_allowed_weights"
	MaxWeightLimit     = "max_weight_limit"
	MaxVoices          = "max_voices"
	VoiceFloor         = "voice_floor"
	Kappa              = "kappa"
	BondsPenalty       = "bonds_penalty"
	BondsMovingAverage = "bonds_moving_average"
	Yuma3              = "yuma3"
	LiquidAlpha        = "liquid_alpha"
	AlphaLow           = "alpha_low"
	AlphaHigh          = "alpha_high"
	AlphaSteepness     = "alpha_steepness"
	MaxUids            = "max_uids"
	Immunity           = "immunity"
	RegistrationOpen   = "registration_open"
	MinBurn            = "min_burn"
	MaxBurn            = "max_burn"
	BurnIncrease       = "burn_increase"
	Openness           = "openness"
	MaxModelBytes      = "max_model_bytes"
	ExamItems          = "exam_items"
	Licences           = "licences"
	Margin             = "margin"
	AuthorShare        = "author_share"
	ModelFee           = "model_fee"
	MaxPrice           = "max_price"
)

// one is 1 where shares are u16.
const one = 65_535

// table lists every hyperparameter once: code, docs and queries read it here. Bounds include both ends.
var table = []Parameter{
	{
		Name: Tempo, Unit: "blocks", Default: 360, Min: 360, Max: 50_400, Who: ByOwner,
		Reason: "Time between two epochs: long enough to judge on fresh answers, short enough that pay follows quality; its bounds are the module's min_tempo and max_tempo, and a change waits for the next tempo.",
	},
	{
		Name: RevealDelay, Unit: "tempos", Default: 4, Min: 1, Max: 100, Who: ByOwner,
		Reason: "Weights stay hidden this long, so that copying them pays yesterday's opinion while the miners have moved on; a change waits for the next tempo.",
	},
	{
		Name: CommitReveal, Unit: "0 or 1", Default: 1, Min: 0, Max: 1, Who: ByOwner,
		Reason: "Open weights can be copied in the block they appear in; off is for subnets whose truth is public anyway; a change waits for the next tempo.",
	},
	{
		Name: EvidenceLeaves, Unit: "leaves", Default: 0, Min: 0, Max: 16, Who: ByOwner,
		Reason: "Every reveal opens this many lines of its score sheet, chosen after the commit, so that weights without judging are caught; a commit keeps what was asked in its block, of this and the next two.",
	},
	{
		Name: MinAllowedWeights, Unit: "weights", Default: 1, Min: 1, Max: 256, Who: ByOwner,
		Reason: "A voice must have an opinion on at least this many miners, or on all if there are fewer.",
	},
	{
		Name: MaxWeightLimit, Unit: "1/65,535", Default: one, Min: 655, Max: one, Who: ByOwner,
		Reason: "Caps what one miner can get of a voice's weights where a subnet wants several winners.",
	},
	{
		Name: MaxVoices, Unit: "voices", Default: 64, Min: 16, Max: 128, Who: ByGovernance,
		Reason: "Bounds the work of an epoch; the voices with most stake are permitted, and nobody who has a stake in the outcome picks how many.",
	},
	{
		Name: VoiceFloor, Unit: "1/10,000 of the bonded total", Default: 50, Min: 0, Max: 1_000, Who: ByGovernance,
		Reason: "Dust voices would shift the bonds of others, so a permitted voice holds at least this part of the bonded stake.",
	},
	{
		Name: Kappa, Unit: "1/65,535", Default: 32_768, Min: 32_768, Max: 52_428, Who: ByGovernance,
		Reason: "Share of stake that must agree before a weight counts; below one half two majorities could contradict each other, and an owner must not move it under his voters.",
	},
	{
		Name: BondsPenalty, Unit: "1/65,535", Default: one, Min: 0, Max: one, Who: ByOwner,
		Reason: "How much of a weight above consensus is lost for bonds; at 1 a voice earns nothing by overrating.",
	},
	{
		Name: BondsMovingAverage, Unit: "millionths", Default: 900_000, Min: 0, Max: 975_000, Who: ByOwner,
		Reason: "What an epoch keeps of the bonds before it; early discovery pays longer when it is high, and above the bound bonds would hardly move.",
	},
	{
		Name: Yuma3, Unit: "0 or 1", Default: 1, Min: 0, Max: 1, Who: ByOwner,
		Reason: "Absolute bonds pay small validators by the same rule as large ones.",
	},
	{
		Name: LiquidAlpha, Unit: "0 or 1", Default: 0, Min: 0, Max: 1, Who: ByOwner,
		Reason: "Lets each bond move at its own speed between alpha_low and alpha_high, faster where a voice leads the consensus.",
	},
	{
		Name: AlphaLow, Unit: "1/65,535", Default: 45_875, Min: 1_638, Max: one, Who: ByOwner,
		Reason: "Slowest speed of a liquid bond; at most alpha_high.",
	},
	{
		Name: AlphaHigh, Unit: "1/65,535", Default: 58_982, Min: 1_638, Max: one, Who: ByOwner,
		Reason: "Fastest speed of a liquid bond; at least alpha_low.",
	},
	{
		Name: AlphaSteepness, Unit: "1/100", Default: 1_000, Min: 0, Max: 32_767, Who: ByOwner,
		Reason: "Slope with which the speed of a liquid bond goes from low to high as a voice departs from consensus.",
	},
	{
		Name: MaxUids, Unit: "neurons", Default: 256, Min: 64, Max: mostUids, Who: ByGovernance,
		Reason: "Places in the subnet; more competitors cost more judging, and few places would shut newcomers out. Its bounds are the module's min_uids and max_uids, and it cannot fall below the neurons there are.",
	},
	{
		Name: Immunity, Unit: "blocks", Default: 5_000, Min: 0, Max: 100_000, Who: ByOwner,
		Reason: "A new neuron needs time to be judged before its seat can be taken; never less than reveal_delay + 2 tempos, up to 100,000 blocks. At most four fifths of the seats are immune, and of a small subnet all but a quarter or ten.",
	},
	{
		Name: RegistrationOpen, Unit: "0 or 1", Default: 1, Min: 0, Max: 1, Who: ByOwner,
		Reason: "A closed subnet lets nobody in and gets no emission, so that no owner can shut the door and keep the pay.",
	},
	{
		Name: MinBurn, Unit: "rao", Default: 500_000, Min: 1, Max: 1_000_000_000, Who: ByOwner,
		Reason: "Floor of the registration price: taking a place is never free.",
	},
	{
		Name: MaxBurn, Unit: "rao", Default: 10_000_000_000, Min: 100_000_000, Max: 10_000_000_000_000, Who: ByOwner,
		Reason: "Ceiling of the registration price, not of a bid: no rush can lock everybody else out.",
	},
	{
		Name: BurnIncrease, Unit: "1/10,000", Default: 12_600, Min: 10_000, Max: 30_000, Who: ByOwner,
		Reason: "Factor on the registration price after each registration; three of them double it, and it halves when a tempo begins.",
	},
	{
		Name: Openness, Unit: "0 or 1", Default: 0, Min: 0, Max: 1, Who: ByOwner,
		Reason: "At 1 models are published and examined by everybody, at 0 they are black boxes judged by their answers; who has trained or served for one kind has 14 days before a started subnet becomes the other, and weights are committed and revealed at 1.",
	},
	{
		Name: MaxModelBytes, Unit: "bytes", Default: 2_000_000_000, Min: 1_000_000, Max: 1_000_000_000_000, Who: ByOwner,
		Reason: "Every examiner fetches and runs a model that is served, so the largest file says who can be one.",
	},
	{
		Name: ExamItems, Unit: "items per 360 blocks", Default: 4, Min: 1, Max: 3_456, Who: ByOwner,
		Reason: "Each model answers this many items in 360 blocks: more rank sooner, fewer let small machines examine; at most 96 in a tempo of ten blocks.",
	},
	{
		Name: Licences, Unit: "sum of powers of two, 0 for any", Default: 0, Min: 0, Max: int64(1)<<len(licences) - 1, Who: ByOwner,
		Reason: "Validators and servers pass weights on, so a subnet says which licences it takes; the bits stand below the table.",
	},
	{
		Name: Margin, Unit: "1/10,000", Default: 200, Min: 50, Max: 1_000, Who: ByOwner,
		Reason: "A newcomer must be better than an earlier model by more than this, falling to 50 in 30 days, so that a retouched copy takes no place.",
	},
	{
		Name: AuthorShare, Unit: "1/10,000 of a server's pay", Default: 0, Min: 0, Max: 3_000, Who: ByOwner,
		Reason: "Whoever published a model earns where others serve it; a model keeps the share of its publication, and a rise waits 14 days once the subnet has started.",
	},
	{
		Name: ModelFee, Unit: "rao", Default: 1_000_000_000, Min: 1_000_000, Max: 100_000_000_000, Who: ByGovernance,
		Reason: "A listing costs every examiner work and every node state: a tenth is burned at the commit, the rest at publication, and a fifth more for each 10^9 bytes.",
	},
	{
		Name: MaxPrice, Unit: "rao for 10^6 tokens written and 4·10^6 read, 0 for no bound", Default: 0, Min: 0, Max: 1_000_000_000_000_000, Who: ByOwner,
		Reason: "Emission pays for work that consumers can afford: a server of an open model that asks more counts for nothing, as one does that asks twice what half of its place's work costs.",
	},
}

// Table returns a copy of the hyperparameters in the order in which docs and queries show them.
func Table() []Parameter {
	return slices.Clone(table)
}

// Row returns the hyperparameter called name with the bounds that params set. The error is ErrNoParameter.
func Row(params Params, name string) (Parameter, error) {
	i := slices.IndexFunc(table, func(p Parameter) bool { return p.Name == name })
	if i < 0 {
		return Parameter{}, fmt.Errorf("%w: %.40q; the query parameters lists them", ErrNoParameter, name)
	}
	return table[i].bounded(params), nil
}

// bounded returns the row with the bounds that the module's params set, its default moved into them.
func (p Parameter) bounded(params Params) Parameter {
	switch p.Name {
	case Tempo:
		p.Min, p.Max = int64(params.MinTempo), int64(params.MaxTempo)
	case MaxUids:
		p.Min, p.Max = int64(params.MinUids), int64(params.MaxUids)
	}
	p.Default = min(max(p.Default, p.Min), p.Max)
	return p
}

// Check tells whether value is within the row's bounds. The error is ErrOutOfBounds.
func (p Parameter) Check(value int64) error {
	if value < p.Min || value > p.Max {
		return fmt.Errorf("%w: %s = %d, want %d to %d %s", ErrOutOfBounds, p.Name, value, p.Min, p.Max, p.Unit)
	}
	return nil
}

// CheckStored is Check for a value that may be older than the bounds which governance moves now: it holds a tempo and
// max_uids to what any bounds can allow. The error is ErrOutOfBounds.
func (p Parameter) CheckStored(value int64) error {
	switch p.Name {
	case Tempo:
		p.Min, p.Max = leastTempo, mostTempo
	case MaxUids:
		p.Min, p.Max = leastUids, mostUids
	}
	return p.Check(value)
}
