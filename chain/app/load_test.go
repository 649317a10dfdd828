package app

import (
	"testing"

	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"
	txtypes "github.com/cosmos/cosmos-sdk/types/tx"
)

// FuzzGasOf holds the gas limit that is read without decoding to the decoded one, for whatever bytes the SDK takes as a
// transaction.
func FuzzGasOf(f *testing.F) {
	a, err := New(log.NewNopLogger(), dbm.NewMemDB(), false, simtestutil.EmptyAppOptions{})
	if err != nil {
		f.Fatal(err)
	}
	for _, gas := range []uint64{0, 1, 127, 128, 25_000_000, 1 << 62, ^uint64(0)} {
		b := a.TxConfig.NewTxBuilder()
		b.SetGasLimit(gas)
		b.SetMemo("memo")
		b.SetFeeAmount(sdk.NewCoins(sdk.NewInt64Coin("rao", 7)))
		raw, err := a.TxConfig.TxEncoder()(b.GetTx())
		if err != nil {
			f.Fatal(err)
		}
		if got := gasOf(raw); got != gas {
			f.Fatalf("gas %d, want %d", got, gas)
		}
		f.Add(raw)
	}
	twice, err := (&txtypes.AuthInfo{Fee: &txtypes.Fee{GasLimit: 5}}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	more, err := (&txtypes.AuthInfo{Fee: &txtypes.Fee{GasLimit: 9, Payer: "p"}}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	merged, err := (&txtypes.TxRaw{BodyBytes: []byte{}, AuthInfoBytes: append(twice, more...)}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(merged)
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := gasOf(raw)
		tx, err := a.TxConfig.TxDecoder()(raw)
		if err != nil {
			return
		}
		if want := tx.(sdk.FeeTx).GetGas(); got != want {
			t.Errorf("%x: gas %d, want %d", raw, got, want)
		}
	})
}
