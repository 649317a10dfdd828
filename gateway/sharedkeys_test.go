package gateway

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/gateway/ledger/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

// TestThreeGatewaysShareTheirKeys moves a gateway's file into the database, makes keys at all three at once, and revokes one: the
// others refuse it when they look again, which they do every half a second.
func TestThreeGatewaysShareTheirKeys(t *testing.T) {
	url := pgtest.URL(t)
	file := filepath.Join(t.TempDir(), "keys.json")
	own, err := OpenKeys(file)
	require.NoError(t, err)
	old, kept, err := own.Create("old", Limits{Budget: 7})
	require.NoError(t, err)
	gone, revoked, err := own.Create("revoked", Limits{})
	require.NoError(t, err)
	require.NoError(t, own.Revoke(revoked.ID))

	var gateways []*Keys
	for range 3 {
		k, err := OpenSharedKeys(t.Context(), url, file)
		require.NoError(t, err)
		t.Cleanup(func() { _ = k.Close() })
		gateways = append(gateways, k)
	}
	require.NoFileExists(t, file)
	for _, k := range gateways {
		h, err := k.find(old)
		require.NoError(t, err)
		require.Equal(t, kept, h.Key)
		_, err = k.find(gone)
		require.ErrorIs(t, err, ErrKeyRevoked)
	}

	var wg sync.WaitGroup
	for _, k := range gateways {
		wg.Go(func() {
			for range 5 {
				if _, _, err := k.Create("x", Limits{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := gateways[2].List()
	require.NoError(t, err)
	require.Len(t, list, 2+15)

	require.NoError(t, gateways[0].Revoke(kept.ID))
	for _, k := range gateways[1:] {
		require.Eventually(t, func() bool {
			_, err := k.find(old)
			return err != nil
		}, time.Minute, 10*time.Millisecond)
	}
}

// A gateway whose clock is late honours no key beyond its end, by the clock of the database that others share with it.
func TestALateGatewayHonoursNoKeyBeyondItsEnd(t *testing.T) {
	url := pgtest.URL(t)
	late, err := OpenSharedKeys(t.Context(), url, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = late.Close() })
	late.clock.own = func() time.Time { return time.Now().Add(-90 * time.Second) }
	ended, _, err := late.Create("ended", Limits{Expires: time.Now().Add(-time.Second)})
	require.NoError(t, err)
	good, _, err := late.Create("good", Limits{Expires: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	_, err = late.find(ended)
	require.ErrorIs(t, err, ErrKeyExpired)
	_, err = late.find(good)
	require.NoError(t, err)
}
