package types

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"agora/mechanism/voucher"
)

var update = flag.Bool("update", false, "rewrite the parameters in README.md")

const readme = "../README.md"

// TestTheReadmeHasTheTable holds README.md to the table of parameters; -update rewrites it.
func TestTheReadmeHasTheTable(t *testing.T) {
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(raw), "<!-- table -->\n")
	_, after, found := strings.Cut(rest, "<!-- end -->")
	if !found {
		t.Fatal("README.md has no place for the table")
	}
	var b strings.Builder
	b.WriteString("| name | unit | default | bounds | why |\n| --- | --- | --- | --- | --- |\n")
	for _, row := range DefaultParams().Table() {
		if row.Value < row.Least || row.Value > row.Most || row.Reason == "" {
			t.Errorf("%+v", row)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %d | %d..%d | %s |\n", row.Name, row.Unit, row.Value, row.Least, row.Most, row.Reason)
	}
	want := before + "<!-- table -->\n" + b.String() + "<!-- end -->" + after
	if *update {
		if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(raw) {
		t.Error("README.md is out of date: go test ./chain/x/market/types -run Readme -update")
	}
	for _, name := range []string{
		"MsgOpenChannel", "MsgTopUp", "MsgClaim", "MsgRequestWithdraw", "MsgWithdraw", "MsgClose", "MsgUpdateParams",
		"ChannelOpened", "ToppedUp", "Claimed", "WithdrawRequested", "ChannelEnded", "ParamsUpdated",
	} {
		if !strings.Contains(want, "`"+name+"`") {
			t.Errorf("README.md does not mention %s", name)
		}
	}
}

// FuzzClaim decodes claims from outside: what passes is bounded, and settling it neither panics nor pays more than there is.
func FuzzClaim(f *testing.F) {
	good := MsgClaim{Sender: "x", Vouchers: []Voucher{{Channel: 1, Parts: []Part{{1, 5}}, Signature: make([]byte, 64)}}}
	raw, err := good.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, uint64(10), uint64(0))
	f.Fuzz(func(t *testing.T, raw []byte, deposit, most uint64) {
		var m MsgClaim
		if m.Unmarshal(raw) != nil {
			return
		}
		if m.ValidateBasic() == nil && len(m.Vouchers) > MaxVouchers {
			t.Fatalf("%d vouchers pass", len(m.Vouchers))
		}
		c := Channel{Id: 1, Deposit: deposit % voucher.MostAmount, Cap: most % voucher.MostAmount}
		for _, v := range m.Vouchers {
			paid, err := voucher.Settle(c.Terms(), v.Promise(), v.UpTo)
			if err != nil {
				continue
			}
			if c.Pay(paid); c.Terms().Paid.Total() > c.Terms().Limit() {
				t.Fatalf("%+v paid more than %d", c, c.Terms().Limit())
			}
		}
	})
}
