package ledger

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/gateway/ledger/pgtest"
	"agora/mechanism/voucher"
)

// What was spent is known again after a restart, whether it was folded or stands in the journal.
func TestBudgetsOutliveTheProgram(t *testing.T) {
	t.Run("file", func(t *testing.T) { outlives(t, filepath.Join(t.TempDir(), "ledger.db")) })
	t.Run("postgresql", func(t *testing.T) { outlives(t, pgtest.URL(t)) })
}

func outlives(t *testing.T, path string) {
	budget := Budget{Day: 100, Month: 100} // the same, so that midnight may come in between
	for round, c := range []struct {
		fold, room bool
	}{{false, true}, {true, true}, {false, false}} {
		l, err := Open(t.Context(), path, 0)
		require.NoError(t, err)
		require.NoError(t, l.Keep(t.Context(), Account{ID: "key/a", Line: voucher.Line{Limit: 1_000}}))
		id := fmt.Sprint(round)
		_, err = l.Reserve(t.Context(), Request{Account: "key/a", ID: id, Ceiling: 40, Terms: voucher.Terms{First: 9, Most: 9, Amount: 1_000}, Budget: budget})
		if !c.room {
			require.ErrorIs(t, err, ErrBudget)
			require.NoError(t, l.Close())
			continue
		}
		require.NoError(t, err)
		_, err = l.Reserve(t.Context(), Request{Account: "key/a", ID: id + "b", Ceiling: 61, Terms: voucher.Terms{First: 9, Most: 9, Amount: 1_000}, Budget: budget})
		require.ErrorIs(t, err, ErrBudget, "what is open counts")
		_, charged, err := l.Settle(t.Context(), Charge{Account: "key/a", Request: id, At: time.Now(), Model: "m", Cost: 35})
		require.NoError(t, err)
		require.EqualValues(t, 35, charged)
		if c.fold {
			require.NoError(t, l.Fold(t.Context()))
		}
		require.NoError(t, l.Close())
	}
}

// A clock that ran ahead over midnight and is set back leaves no hole in which nothing counts.
func TestAClockThatIsSetBackRenewsNoBudget(t *testing.T) {
	before := time.Date(2026, 1, 31, 23, 59, 0, 0, time.UTC)
	ahead := before.Add(90 * time.Second)
	var s spent
	s.charge(before, 50)
	s.charge(ahead, 70)
	require.ErrorIs(t, Budget{Day: 100}.check(s, 0, 31, before), ErrBudget)
	s.charge(before, 25)
	require.ErrorIs(t, Budget{Day: 100}.check(s, 0, 6, before), ErrBudget)
	require.ErrorIs(t, Budget{Day: 100}.check(s, 0, 6, ahead), ErrBudget)
	require.ErrorIs(t, Budget{Month: 100}.check(s, 0, 6, before), ErrBudget)
	require.NoError(t, Budget{Day: 100, Month: 100}.check(s, 0, 5, ahead))
}

func TestBudgetsBeginAnew(t *testing.T) {
	last := time.Date(2026, 1, 31, 23, 59, 0, 0, time.UTC)
	next := last.Add(2 * time.Minute)
	var s spent
	s.add(last, 70)
	require.ErrorIs(t, Budget{Day: 100}.check(s, 0, 31, last), ErrBudget)
	require.ErrorIs(t, Budget{Day: 100}.check(s, 1, 30, last), ErrBudget)
	require.NoError(t, Budget{Day: 100, Month: 100}.check(s, 0, 30, last))
	require.NoError(t, Budget{Day: 100, Month: 100}.check(s, 0, 100, next))
	require.ErrorContains(t, Budget{Day: 100}.check(s, 0, 31, last), "2026-02-01T00:00:00Z")
	s.add(next, 20)
	s.add(last, 5) // late, and of no account any more
	require.ErrorIs(t, Budget{Month: 100}.check(s, 0, 81, next.AddDate(0, 0, 27)), ErrBudget)
	require.NoError(t, Budget{Day: 100, Month: 100}.check(s, 0, 80, next.AddDate(0, 0, 27)))
}

// Gateways that share a store count by its clock: what one charges whose own is wrong by weeks counts for today.
func TestAGatewaysClockRenewsNoSharedBudget(t *testing.T) {
	l, err := Open(t.Context(), pgtest.URL(t), 0)
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, l.Keep(t.Context(), Account{ID: "key/a", Line: voucher.Line{Limit: 1_000}}))
	ask := Request{Account: "key/a", ID: "1", Ceiling: 60, Terms: voucher.Terms{First: 9, Most: 9, Amount: 1_000}, Budget: Budget{Day: 100, Month: 100}}
	for _, wrong := range []time.Duration{-40, 40} {
		l.own = func() time.Time { return time.Now().Add(wrong * 24 * time.Hour) }
		_, err = l.Reserve(t.Context(), ask)
		require.NoError(t, err)
		_, _, err = l.Settle(t.Context(), Charge{Account: "key/a", Request: ask.ID, At: l.own(), Model: "m", Cost: 30})
		require.NoError(t, err)
		ask.ID, ask.Ceiling = "2", 70
	}
	ask.ID, ask.Ceiling = "3", 41
	_, err = l.Reserve(t.Context(), ask)
	require.ErrorIs(t, err, ErrBudget)
	lines, err := l.Spending(t.Context(), "key/a", time.Now().AddDate(0, 0, -2))
	require.NoError(t, err)
	require.Len(t, lines, 1)
	require.EqualValues(t, 2, lines[0].Requests)
}
