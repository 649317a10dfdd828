package wallet

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// cheap keeps tests fast: the least that Params allows.
var cheap = Params{Time: 1, MemoryKiB: 8 << 10, Threads: 1}

var passphrase = []byte("correct horse battery staple")

func at(t testing.TB) string { return filepath.Join(t.TempDir(), "keys", "hot.json") }

func TestLockedKeyOpensWithItsPassphraseOnly(t *testing.T) {
	path := at(t)
	key, err := Create(path, passphrase, cheap)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(path, passphrase)
	if err != nil || !again.Equal(key) {
		t.Fatal(err)
	}
	if _, err := Open(path, []byte("correct horse battery stapler")); !errors.Is(err, ErrPassphrase) {
		t.Fatalf("wrong passphrase: %v", err)
	}
	if _, err := Open(path, nil); !errors.Is(err, ErrLocked) {
		t.Fatalf("no passphrase: %v", err)
	}
	k, err := Load(path)
	if err != nil || !k.Locked() || !k.Public().Equal(key.Public()) {
		t.Fatal(k, err)
	}
}

func TestOpenKeyNeedsNoPassphrase(t *testing.T) {
	path := at(t)
	key, err := CreateOpen(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(path, nil)
	if err != nil || !again.Equal(key) {
		t.Fatal(err)
	}
	if k, err := Load(path); err != nil || k.Locked() {
		t.Fatal(k, err)
	}
}

func TestLockedFileDoesNotHoldTheSeed(t *testing.T) {
	path := at(t)
	key, err := Create(path, passphrase, cheap)
	if err != nil {
		t.Fatal(err)
	}
	content, _ := os.ReadFile(path)
	seed, _ := json.Marshal(key.Seed())
	if strings.Contains(string(content), strings.Trim(string(seed), `"`)) {
		t.Fatal("the seed stands in the file")
	}
}

func TestKeyFileIsTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	path := at(t)
	if _, err := CreateOpen(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o660, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); !errors.Is(err, ErrReadable) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestKeyIsNeverOverwritten(t *testing.T) {
	path := at(t)
	key, err := CreateOpen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateOpen(path); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	if _, err := Create(path, passphrase, cheap); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	if again, err := Open(path, nil); err != nil || !again.Equal(key) {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(filepath.Dir(path))
	if len(left) != 1 {
		t.Fatalf("files left behind: %v", left)
	}
}

func TestOneOfManyCreatorsWins(t *testing.T) {
	path := at(t)
	var mu sync.Mutex
	var won []ed25519.PrivateKey
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			key, err := CreateOpen(path)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				won = append(won, key)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d creators won", len(won))
	}
	if key, err := Open(path, nil); err != nil || !key.Equal(won[0]) {
		t.Fatal("the file holds another key", err)
	}
}

func TestCarelessProtectionIsRefused(t *testing.T) {
	bad := map[string]Params{
		"no time":          {Time: 0, MemoryKiB: 64 << 10, Threads: 1},
		"little memory":    {Time: 1, MemoryKiB: 1 << 10, Threads: 1},
		"too much memory":  {Time: 1, MemoryKiB: 2 << 20, Threads: 1},
		"no threads":       {Time: 1, MemoryKiB: 64 << 10, Threads: 0},
		"too many threads": {Time: 1, MemoryKiB: 64 << 10, Threads: 17},
		"too much time":    {Time: 65, MemoryKiB: 64 << 10, Threads: 1},
	}
	for name, p := range bad {
		path := at(t)
		if _, err := Create(path, passphrase, p); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file was written", name)
		}
	}
	if _, err := Create(at(t), nil, DefaultParams); err == nil {
		t.Error("an empty passphrase was taken")
	}
	if err := SaveOpen(at(t), make([]byte, 63)); err == nil {
		t.Error("a short key was taken")
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	path := at(t)
	key, err := Create(path, passphrase, cheap)
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := os.ReadFile(path)
	for i := 0; i < len(whole); i += 7 {
		changed := append([]byte(nil), whole...)
		changed[i] ^= 0x01
		os.WriteFile(path, changed, 0o600)
		got, err := Open(path, passphrase)
		if err == nil && !got.Equal(key) {
			t.Fatalf("byte %d: another key came out", i)
		}
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrPassphrase) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}

func TestDamagedFilesGetAClearError(t *testing.T) {
	path := at(t)
	if _, err := CreateOpen(path); err != nil {
		t.Fatal(err)
	}
	whole, _ := os.ReadFile(path)
	swap := func(old, new string) string { return strings.Replace(string(whole), old, new, 1) }
	cases := map[string]struct{ content, says string }{
		"empty":          {"", "EOF"},
		"cut":            {string(whole[:len(whole)/2]), "EOF"},
		"not JSON":       {"-----BEGIN KEY-----", "invalid character"},
		"two keys":       {string(whole) + string(whole), "follows"},
		"later version":  {swap(`"version": 1`, `"version": 2`), "version is 2"},
		"other kind":     {swap(kind, "other"), "kind"},
		"other kdf":      {swap(`"kdf": "none"`, `"kdf": "scrypt"`), "scrypt"},
		"unknown field":  {swap(`"version"`, `"vers"`), "unknown field"},
		"huge":           {strings.Repeat(" ", maxFile) + string(whole), "larger than"},
		"null":           {"null", "kind"},
		"no seed":        {swap(`"seed"`, `"nonce"`), "seed"},
		"locked, no kdf": {swap(`"kdf": "none"`, `"kdf": "argon2id"`), "salt"},
	}
	for name, c := range cases {
		os.WriteFile(path, []byte(c.content), 0o600)
		if _, err := Load(path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnotherKeysPublicHalfIsNoticed(t *testing.T) {
	path, other := at(t), at(t)
	a, err := CreateOpen(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := CreateOpen(other)
	if err != nil {
		t.Fatal(err)
	}
	pubA, _ := json.Marshal(a.Public())
	pubB, _ := json.Marshal(b.Public())
	content, _ := os.ReadFile(path)
	os.WriteFile(path, []byte(strings.Replace(string(content), string(pubA), string(pubB), 1)), 0o600)
	if _, err := Open(path, nil); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
}

func TestMissingFileAndDirectoryAreNamed(t *testing.T) {
	path := at(t)
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	path := at(f)
	if _, err := Create(path, passphrase, cheap); err != nil {
		f.Fatal(err)
	}
	locked, _ := os.ReadFile(path)
	f.Add(locked)
	f.Add([]byte(`{"version":1,"kind":"agora hot key","kdf":"none","seed":"AAAA"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		k, err := parse(content)
		if err != nil {
			return
		}
		if k.Locked() {
			if err := k.Params.check(); err != nil {
				t.Fatal(err) // a file must not choose what unlocking it costs
			}
			return
		}
		if key, err := k.Unlock(nil); err == nil && !publicOf(key).Equal(k.PublicKey) {
			t.Fatal("another key came out")
		}
	})
}

func BenchmarkUnlock(b *testing.B) {
	path := at(b)
	if _, err := Create(path, passphrase, DefaultParams); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(path, passphrase); err != nil {
			b.Fatal(err)
		}
	}
}
