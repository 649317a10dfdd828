package scenario

import (
	"bytes"
	"errors"
	"fmt"

	abci "github.com/cometbft/cometbft/abci/types"

	"agora/chain/app"
)

// maxBytes is what the consensus engine offers a proposer for transactions.
const maxBytes = 4 << 20

// Admit asks the application whether raw may enter the pool of a node. The error is its refusal.
func (w *World) Admit(raw []byte) error {
	res, err := w.App.CheckTx(&abci.RequestCheckTx{Tx: raw, Type: abci.CheckTxType_New})
	if err == nil && res.Code != 0 {
		err = errors.New(res.Log)
	}
	return err
}

// Propose lets the application choose the next block's transactions out of pool.
func (w *World) Propose(pool [][]byte) ([][]byte, error) {
	res, err := w.App.PrepareProposal(&abci.RequestPrepareProposal{
		Height: w.Height + 1, Time: w.Now.Add(BlockTime), Txs: pool, MaxTxBytes: maxBytes, ProposerAddress: w.people.proposer(),
	})
	if err != nil {
		return nil, err
	}
	return res.Txs, nil
}

// Replay asks a, which has not begun, everything that w's application was asked. The error names the first block after
// which the two differ.
func (w *World) Replay(a *app.App) error {
	if _, err := a.InitChain(w.Genesis); err != nil {
		return err
	}
	for i, req := range w.Blocks {
		res, err := a.FinalizeBlock(req)
		if err != nil {
			return fmt.Errorf("block %d: %w", req.Height, err)
		}
		if _, err := a.Commit(); err != nil {
			return fmt.Errorf("commit block %d: %w", req.Height, err)
		}
		if !bytes.Equal(res.AppHash, w.Hashes[i]) {
			return fmt.Errorf("block %d: app hash %x, want %x", req.Height, res.AppHash, w.Hashes[i])
		}
	}
	return nil
}
