package web

import (
	"cmp"
	"slices"
	"time"
)

// maxSamples bounds a plot. A full history drops every other sample and takes half as many from then on, so that it
// covers the whole time since the start.
const maxSamples = 600

// history is what the plots show: samples of height and of each miner's incentive.
type history struct {
	every   time.Duration // between two samples
	samples []sample
}

type sample struct {
	at        time.Time
	height    int64
	blockTime time.Time
	incentive []share // in the order of their subnets and uids
}

// share is a miner's incentive.
type share struct {
	netuid, uid uint32
	incentive   float64
}

func (s share) compare(o share) int {
	return cmp.Or(cmp.Compare(s.netuid, o.netuid), cmp.Compare(s.uid, o.uid))
}

// of is a miner's incentive then, if it was there.
func (s *sample) of(netuid, uid uint32) (float64, bool) {
	i, found := slices.BinarySearchFunc(s.incentive, share{netuid: netuid, uid: uid}, share.compare)
	if !found {
		return 0, false
	}
	return s.incentive[i].incentive, true
}

func newHistory() history { return history{every: fresh} }

func (h *history) add(s *Snapshot, now time.Time) {
	if n := len(h.samples); n > 0 && (s.Height <= h.samples[n-1].height || now.Sub(h.samples[n-1].at) < h.every-fresh/4) {
		return
	}
	if len(h.samples) == maxSamples {
		h.thin()
	}
	all := 0
	for _, sub := range s.Subnets {
		all += len(sub.Miners)
	}
	one := sample{at: now, height: s.Height, blockTime: s.BlockTime, incentive: make([]share, 0, all)}
	for _, sub := range s.Subnets {
		for _, m := range sub.Miners {
			one.incentive = append(one.incentive, share{sub.NetUID, m.UID, m.Incentive})
		}
	}
	slices.SortFunc(one.incentive, share.compare)
	h.samples = append(h.samples, one)
}

func (h *history) thin() {
	half := h.samples[:0]
	for i := 0; i < len(h.samples); i += 2 {
		half = append(half, h.samples[i])
	}
	clear(h.samples[len(half):])
	h.samples = half
	h.every *= 2
}

// pace is the seconds per block over the last minute, or over as much of it as was seen.
func (h *history) pace() float64 {
	n := len(h.samples)
	if n < 2 {
		return 0
	}
	last := h.samples[n-1]
	first := h.samples[n-2]
	for i := n - 3; i >= 0 && last.at.Sub(h.samples[i].at) <= time.Minute; i-- {
		first = h.samples[i]
	}
	return last.blockTime.Sub(first.blockTime).Seconds() / float64(last.height-first.height)
}

// series is a subnet's plot as uPlot takes it: Data[0] is the heights, Data[i+1] the incentive of UIDs[i], null where it
// was not there.
type series struct {
	NetUID uint32       `json:"netuid"`
	UIDs   []uint32     `json:"uids"`
	Models []string     `json:"models"`
	Data   [][]*float64 `json:"data"`
}

func (h *history) series(s *Subnet) series {
	out := series{NetUID: s.NetUID, UIDs: []uint32{}, Models: []string{}, Data: [][]*float64{{}}}
	for _, x := range h.samples {
		height := float64(x.height)
		out.Data[0] = append(out.Data[0], &height)
	}
	for _, m := range s.Miners {
		line := make([]*float64, len(h.samples))
		for i, x := range h.samples {
			if v, ok := x.of(s.NetUID, m.UID); ok {
				line[i] = &v
			}
		}
		out.UIDs = append(out.UIDs, m.UID)
		out.Models = append(out.Models, m.Model)
		out.Data = append(out.Data, line)
	}
	return out
}
