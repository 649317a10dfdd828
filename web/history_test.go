package web

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHistoryStaysBoundedAndCoversEverything(t *testing.T) {
	h := newHistory()
	begin := time.Unix(1_800_000_000, 0)
	const blocks = 5 * maxSamples
	for i := range int64(blocks) {
		at := begin.Add(time.Duration(i) * time.Second)
		h.add(&Snapshot{Height: i + 1, BlockTime: at, Subnets: []Subnet{{NetUID: 1, Miners: []Miner{{UID: 0, Incentive: 1}}}}}, at)
		require.LessOrEqual(t, len(h.samples), maxSamples)
	}
	require.EqualValues(t, 1, h.samples[0].height)
	require.Greater(t, h.samples[len(h.samples)-1].height, int64(blocks-16))
	require.Greater(t, len(h.samples), maxSamples/4)
	require.InDelta(t, 1, h.pace(), 1e-9)
}

func TestSameHeightIsSampledOnce(t *testing.T) {
	h := newHistory()
	for i := range 5 {
		h.add(&Snapshot{Height: 7}, time.Unix(int64(i)*10, 0))
	}
	require.Len(t, h.samples, 1)
	require.Zero(t, h.pace())
}

func TestPlotHasGapsWhereAMinerWasNotThere(t *testing.T) {
	h := newHistory()
	early := Subnet{NetUID: 1, Miners: []Miner{{UID: 0, Model: "a", Incentive: 1}}}
	late := Subnet{NetUID: 1, Miners: []Miner{{UID: 0, Model: "a", Incentive: .4}, {UID: 1, Model: "b", Incentive: .6}}}
	h.add(&Snapshot{Height: 1, Subnets: []Subnet{early}}, time.Unix(1, 0))
	h.add(&Snapshot{Height: 2, Subnets: []Subnet{late}}, time.Unix(2, 0))
	got, err := json.Marshal(h.series(&late))
	require.NoError(t, err)
	require.JSONEq(t, `{"netuid":1,"uids":[0,1],"models":["a","b"],"data":[[1,2],[1,0.4],[null,0.6]]}`, string(got))
}

func TestAmountsAreSpelledForPeople(t *testing.T) {
	for rao, want := range map[uint64]string{
		0: "0.000", 1: "<0.001", 1_000_000: "0.001", 3_100_000_000: "3.100", 999_999_999_999: "999.999",
		7200e9: "7,200", 21_000_000e9: "21,000,000",
	} {
		require.Equal(t, want, tao(rao))
	}
	require.Equal(t, "-1,234", count(-1234))
	require.Equal(t, "<0.1 %", percent(1e-5))
	require.Equal(t, "100 %", percent(0.9999))
	require.Equal(t, "3 h", spell(200*time.Minute))
}
