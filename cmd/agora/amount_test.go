package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// spender is a command line with one command of each kind of argument.
func spender() *cobra.Command {
	root := &cobra.Command{Use: "agora"}
	tx := &cobra.Command{Use: "tx"}
	send := &cobra.Command{Use: "send", Run: func(*cobra.Command, []string) {}}
	send.Flags().Uint64("max-lock", 0, "")
	send.Flags().String("fees", "", "")
	send.Flags().String("note", "", "")
	send.Flags().String("gas-prices", "", "")
	tx.AddCommand(send)
	root.AddCommand(tx, &cobra.Command{Use: "query", Run: func(*cobra.Command, []string) {}})
	return root
}

func TestAmountsAreReadInTaoAndToTheRao(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"tx send a b 5rao", "tx send a b 5rao"},
		{"tx send a b 1.5tao", "tx send a b 1500000000rao"},
		{"tx send a b 0.000000001TAO,2rao", "tx send a b 1rao,2rao"},
		{"tx send a b 2.0rao --fees 0.000001tao", "tx send a b 2rao --fees 1000rao"},
		{"tx send --max-lock 2tao", "tx send --max-lock 2000000000"},
		{"tx send --max-lock=2tao", "tx send --max-lock=2000000000"},
		{"tx send --note 2tao --gas-prices 0.01rao", "tx send --note 2tao --gas-prices 0.01rao"},
		{"tx send a b 0rao", "tx send a b 0rao"},
		{"tx send a b 010rao", "tx send a b 10rao"},
		{"query 1.5tao", "query 1.5tao"},
		{"tx send tao1 5foo", "tx send tao1 5foo"},
	} {
		got, err := inRao(spender(), strings.Fields(c.typed))
		if err != nil || !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s became %v, %v", c.typed, got, err)
		}
	}
	for _, typed := range []string{"tx send a b 1.5rao", "tx send a b 0.0000000001tao", "tx send --fees=2.9rao"} {
		if got, err := inRao(spender(), strings.Fields(typed)); err == nil || exitCode(err) != exitUsage {
			t.Errorf("%s became %v, %v", typed, got, err)
		}
	}
}

func TestAmountsOfFlagsAreReadToTheRao(t *testing.T) {
	for typed, want := range map[string]string{"5": "5tao", "1.5tao": "1.5tao", "0": "0tao", "250000000rao": "0.25tao", "0.000000001": "0.000000001tao"} {
		var a inTAO
		if err := a.Set(typed); err != nil || a.String() != want {
			t.Errorf("%s became %s, %v", typed, a.String(), err)
		}
	}
	for _, typed := range []string{"", "-1", "1e30", "much", "0.0000000001", "9999999999999999999999"} {
		a := inTAO(7)
		if err := a.Set(typed); err == nil || a != 7 {
			t.Errorf("%q became %s", typed, a.String())
		}
	}
}

func TestABadAmountIsNamedAsItWasWritten(t *testing.T) {
	for _, text := range []string{"-1tao", "5foo", "1.5.2", "tao"} {
		if _, err := money(text); err == nil || !strings.HasPrefix(err.Error(), text+" is no amount") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]uint64{"2": 2_000_000_000, "0.5tao": 500_000_000, "7rao": 7} {
		if got, err := money(text); err != nil || got != want {
			t.Errorf("%q is %d: %v", text, got, err)
		}
	}
}

func TestAKeyThatHasEndedIsNotMade(t *testing.T) {
	for end, good := range map[string]bool{"-5h": false, "2020-01-31": false, "0s": false, "720h": true, "2999-01-31": true, "": true} {
		l := keyLimits{expires: end}
		if _, err := l.into(&pflag.FlagSet{}, time.Now()); (err == nil) != good {
			t.Errorf("%q: %v", end, err)
		}
	}
}
