package main

import "testing"

func TestErrorsAreTheSentenceInTheMiddle(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{
			`rpc error: code = Unknown desc = rpc error: code = Unknown desc = failed to execute message; message index: 0: redelegation to this validator already in progress; ` +
				`first redelegation to this validator must complete before next redelegation [cosmos/cosmos-sdk@v0.55.0/baseapp/baseapp.go:1031] with gas used: '42601': unknown request`,
			"redelegation to this validator already in progress; first redelegation to this validator must complete before next redelegation",
		},
		{`failed to execute message; message index: 1: insufficient funds`, `failed to execute message; message index: 1: insufficient funds`},
		{"nothing around it", "nothing around it"},
		{"RPC error -32603 - Internal error: tx (0000) not found", "no transaction 0000 is in a block"},
		{"too early: wait (redelegation to this validator already in progress: unknown request)", "too early: wait (redelegation to this validator already in progress)"},
		{`strconv.ParseInt: parsing "abc": invalid syntax`, "not a whole number"},
		{`strconv.ParseUint: parsing "99999999999999999999": value out of range`, "too large a number"},
		{"cannot estimate gas in offline mode", "give --gas N: it cannot be estimated offline"},
		{"", ""},
	} {
		if got := plain(c.said); got != c.want {
			t.Errorf("%q became %q", c.said, got)
		}
	}
}

func TestArgumentsAreCalledByTheirNames(t *testing.T) {
	got, ok := argumentError(`invalid argument "bogus" for "--0" flag: decoding bech32 failed`, "balances [address]")
	if want := `address "bogus": decoding bech32 failed`; !ok || got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, ok := argumentError("anything else", "x"); ok || got != "anything else" {
		t.Errorf("%q", got)
	}
}
