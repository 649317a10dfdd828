package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func openKeys(t *testing.T) *Keys {
	k, err := OpenKeys(filepath.Join(t.TempDir(), "gateway", "keys.json"))
	require.NoError(t, err)
	return k
}

func TestSecretIsShownOnceAndNeverStored(t *testing.T) {
	k := openKeys(t)
	secret, key, err := k.Create("alice", Limits{PerMinute: 10})
	require.NoError(t, err)
	require.Regexp(t, `^agora-[a-z2-7]{58}$`, secret)
	raw, err := os.ReadFile(k.store.String())
	require.NoError(t, err)
	require.NotContains(t, string(raw), secret[len(keyPrefix):])
	info, err := os.Stat(k.store.String())
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	h, err := k.find(secret)
	require.NoError(t, err)
	require.Equal(t, key, h.Key)
	again, err := OpenKeys(k.store.String())
	require.NoError(t, err)
	_, err = again.find(secret)
	require.NoError(t, err, "keys survive a restart")
}

func TestRevokedKeyIsRefusedAtOnceHereAndSoonElsewhere(t *testing.T) {
	here := openKeys(t)
	secret, key, err := here.Create("alice", Limits{})
	require.NoError(t, err)
	there, err := OpenKeys(here.store.String())
	require.NoError(t, err)
	_, err = there.find(secret)
	require.NoError(t, err)
	require.NoError(t, here.Revoke(key.ID))
	_, err = here.find(secret)
	require.ErrorIs(t, err, ErrKeyRevoked)
	require.Eventually(t, func() bool {
		_, err := there.find(secret)
		return err != nil
	}, time.Minute, 10*time.Millisecond, "another process sees it when it looks again")
	require.Less(t, freshness, time.Second, "and it looks more often than once a second")
	require.NoError(t, here.Revoke(key.ID), "twice is no error")
	require.ErrorIs(t, here.Revoke("nonsense"), ErrNoSuchKey)
	list, err := here.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.False(t, list[0].Revoked.IsZero())
}

func TestTypingErrorIsToldFromAnUnknownKey(t *testing.T) {
	k := openKeys(t)
	secret, _, err := k.Create("alice", Limits{})
	require.NoError(t, err)
	last := secret[len(secret)-1]
	other := byte('b')
	if last == other {
		other = 'c'
	}
	for _, wrong := range []string{
		"", "sk-123", secret[:63], secret + "a", strings.ToUpper(secret), strings.Replace(secret, "agora-", "agorA-", 1),
		secret[:20] + string(other) + string(other) + secret[22:] + "",
		strings.Repeat("x", 1<<16),
	} {
		if wrong == secret {
			continue
		}
		_, err := k.find(wrong)
		require.ErrorIs(t, err, ErrKeyMistyped, "%.80q", wrong)
	}
	_, err = k.find(newSecret())
	require.ErrorIs(t, err, ErrKeyUnknown)
}

func TestImportedKeyIsOneKeyHoweverOften(t *testing.T) {
	k := openKeys(t)
	secret := SecretFrom([32]byte{1, 2, 3})
	first, err := k.Import(secret, "demo", Limits{})
	require.NoError(t, err)
	second, err := k.Import(secret, "demo", Limits{})
	require.NoError(t, err)
	require.Equal(t, first, second)
	list, err := k.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = k.Import("agora-short", "demo", Limits{})
	require.ErrorIs(t, err, ErrKeyMistyped)
}

func TestConcurrentChangesLoseNothing(t *testing.T) {
	k := openKeys(t)
	var wg sync.WaitGroup
	for range 4 {
		other, err := OpenKeys(k.store.String()) // as another process would
		require.NoError(t, err)
		wg.Go(func() {
			for range 5 {
				_, _, err := other.Create("x", Limits{})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := k.List()
	require.NoError(t, err)
	require.Len(t, list, 20)
}

func TestDamagedKeyFileIsNamed(t *testing.T) {
	for content, want := range map[string]string{
		`{"version":1,"keys":[`: "damaged",
		`{"version":2}`:         "version 2",
		`{"version":1,"keys":[{"id":"a","sha256":"zz"}]}`: "damaged hash",
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := OpenKeys(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
}

func TestFileDamagedLaterKeepsTheKeysOfBefore(t *testing.T) {
	k := openKeys(t)
	secret, _, err := k.Create("alice", Limits{})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(k.store.String(), []byte("{"), 0o600))
	k.known.Store(&keysRead{byHash: k.known.Load().byHash})
	_, err = k.find(secret)
	require.NoError(t, err)
}

func TestChangedKeysKeepWhatTheyUsed(t *testing.T) {
	k := openKeys(t)
	secret, _, err := k.Create("alice", Limits{PerMinute: 1, Burst: 1})
	require.NoError(t, err)
	h, err := k.find(secret)
	require.NoError(t, err)
	_, _, ok := h.enter(h.Limits.or(Limits{InFlight: 1}), time.Now())
	require.True(t, ok)
	h.leave()
	_, _, err = k.Create("bob", Limits{})
	require.NoError(t, err)
	h, err = k.find(secret)
	require.NoError(t, err)
	_, wait, ok := h.enter(h.Limits.or(Limits{InFlight: 1}), time.Now())
	require.False(t, ok, "reading the file again must not refill the bucket")
	require.InDelta(t, 60, wait.Seconds(), 5)
}
