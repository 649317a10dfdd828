package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/privval"
)

// signer opens the validator's key with the record of what it has signed. Both must be there once the node has data: a
// new key is not this validator, and a key without its record may sign a height twice. A remote signer keeps its own.
func signer(c *cmtcfg.Config) (*privval.FilePV, error) {
	if c.PrivValidatorListenAddr != "" {
		return privval.NewFilePV(ed25519.GenPrivKey(), "", ""), nil // CometBFT puts the remote signer in its place
	}
	key, err := exists(c.PrivValidatorKeyFile())
	if err != nil {
		return nil, err
	}
	signed, err := exists(c.PrivValidatorStateFile())
	if err != nil {
		return nil, err
	}
	used, err := exists(filepath.Join(c.DBDir(), "blockstore.db"))
	switch {
	case err != nil:
		return nil, err
	case key && signed:
		return privval.LoadFilePV(c.PrivValidatorKeyFile(), c.PrivValidatorStateFile()), nil
	case key:
		return nil, fmt.Errorf("%s is missing: it says what this validator has signed, and without it a block could be signed twice, "+
			"which costs the validator for good; restore it beside its key (a key that never signed has {\"height\":\"0\",\"round\":0,\"step\":0} there)",
			c.PrivValidatorStateFile())
	case signed || used:
		return nil, fmt.Errorf("%s is missing although this node has data: restore it from a backup; a new key is not this validator "+
			"(to go on as a node without a vote, move %s away and start again)", c.PrivValidatorKeyFile(), c.DBDir())
	}
	return privval.LoadOrGenFilePV(c.PrivValidatorKeyFile(), c.PrivValidatorStateFile()), nil
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
