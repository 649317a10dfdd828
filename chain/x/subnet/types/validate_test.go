package types_test

import (
	"errors"
	"strings"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	_ "agora/chain/network" // sets the prefix of addresses
	"agora/chain/x/subnet/types"
)

var (
	alice = sdk.AccAddress("alice_______________").String()
	bob   = sdk.AccAddress("bob_________________").String()
)

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func good() types.ModelCard {
	return types.ModelCard{Name: "llama-3@8b", Digest: digest, Licence: "Apache-2.0 WITH LLVM-exception", Input: "text", Output: "text"}
}

func TestNamesOfSubnets(t *testing.T) {
	for name, ok := range map[string]bool{
		"chat": true, "a": true, "gpt-4": true, "0": true, strings.Repeat("a", 32): true,
		"": false, "Chat": false, "-chat": false, "chat-": false, "a b": false, "a/b": false, "ä": false, "a\x00": false,
		strings.Repeat("a", 33): false,
	} {
		err := (&types.MsgCreateSubnet{Sender: alice, Name: name, Mechanism: types.Mechanism{Id: "exact"}}).ValidateBasic()
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAddressesOfValidators(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:1": true, "validator.example.org:65535": true, "[2001:db8::1]:443": true, "localhost:80": true,
		"": false, "host": false, "host:": false, ":80": false, "host:0": false, "host:65536": false, "host:080": false,
		"host:+80": false, "host:-1": false, "[::1:80": false, "2001:db8::1:443": false, "[fe80::1%eth0]:80": false,
		"a b:80": false, "-a:80": false, "a..b:80": false, "[127.0.0.1]:80": false, strings.Repeat("a", 64) + ":80": false,
		"http://host:80": false, "user@host:80": false, strings.Repeat("a.", 127) + "a:80": false,
	} {
		if err := (types.Profile{Operator: alice, Addresses: []string{address}}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
	if (types.Profile{Operator: alice, Addresses: []string{"a:1", "b:1", "c:1", "d:1", "e:1"}}).Validate() == nil {
		t.Error("five addresses")
	}
}

func TestURLsOfGateways(t *testing.T) {
	for url, ok := range map[string]bool{
		"http://127.0.0.1:8080": true, "https://gate.example/v1?a=b": true, "https://[::1]/": true, "": true,
		"ftp://a": false, "javascript:alert(1)": false, "https://": false, "https:///x": false, "https://a b": false,
		"https://user@a": false, "https://a/#x": false, "https://a/\"onload=": false, "https://a:0": false, "//a": false,
		"https://" + strings.Repeat("a", 250): false, "https://a/\n": false, "HTTPS://a": false, "https://ü.example": false,
	} {
		if err := (types.Profile{Operator: alice, GatewayUrl: url}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestModelCards(t *testing.T) {
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*types.ModelCard){
		"no name":            func(c *types.ModelCard) { c.Name = "" },
		"long name":          func(c *types.ModelCard) { c.Name = strings.Repeat("a", 65) },
		"quote in the name":  func(c *types.ModelCard) { c.Name = `a"b` },
		"no licence":         func(c *types.ModelCard) { c.Licence = "" },
		"no modality":        func(c *types.ModelCard) { c.Output = "" },
		"digest of no hash":  func(c *types.ModelCard) { c.Digest = "abc" },
		"short digest":       func(c *types.ModelCard) { c.Digest = digest[:70] },
		"upper-case digest":  func(c *types.ModelCard) { c.Digest = "sha256:" + strings.ToUpper(digest[7:]) },
		"long metadata":      func(c *types.ModelCard) { c.Metadata = strings.Repeat("m", 513) },
		"metadata not UTF-8": func(c *types.ModelCard) { c.Metadata = "\xff" },
		"control character":  func(c *types.ModelCard) { c.Engine = "a\x1b[2J" },
		"price of all money": func(c *types.ModelCard) { c.PriceIn = 22e15 },
	} {
		card := good()
		spoil(&card)
		if err := card.Validate(); !errors.Is(err, types.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClaimsHaveTheLengthsOfEd25519(t *testing.T) {
	m := types.MsgRegister{Owner: alice, HotKey: make([]byte, 32), Proof: make([]byte, 64), ProofExpiry: 1}
	if err := m.ValidateBasic(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*types.MsgRegister){
		"short key":    func(m *types.MsgRegister) { m.HotKey = m.HotKey[1:] },
		"long proof":   func(m *types.MsgRegister) { m.Proof = append(m.Proof, 0) },
		"no expiry":    func(m *types.MsgRegister) { m.ProofExpiry = 0 },
		"other prefix": func(m *types.MsgRegister) { m.Owner = "cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh" },
	} {
		spoiled := m
		spoil(&spoiled)
		if err := spoiled.ValidateBasic(); !errors.Is(err, types.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		rotate := types.MsgRotateHotKey{Owner: spoiled.Owner, HotKey: spoiled.HotKey, Proof: spoiled.Proof, ProofExpiry: spoiled.ProofExpiry}
		if err := rotate.ValidateBasic(); !errors.Is(err, types.ErrInvalid) {
			t.Errorf("rotation with %s: %v", name, err)
		}
	}
	if (&types.MsgProposeOwner{Owner: alice, NewOwner: alice}).ValidateBasic() == nil {
		t.Error("an owner hands over to himself")
	}
	if err := (&types.MsgProposeOwner{Owner: alice, NewOwner: bob}).ValidateBasic(); err != nil {
		t.Error(err)
	}
}

func TestParamsHaveBounds(t *testing.T) {
	if err := types.DefaultParams().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*types.Params){
		"tempo of 2":        func(p *types.Params) { p.MinTempo = 2 },
		"max below min":     func(p *types.Params) { p.MaxTempo = p.MinTempo - 1 },
		"no lock":           func(p *types.Params) { p.MinLock = 0 },
		"more than a whole": func(p *types.Params) { p.LockBurnBps = 10_001 },
		"too many uids":     func(p *types.Params) { p.MaxUids = 4097 },
		"endless wait":      func(p *types.Params) { p.OwnerChangeSeconds = 1 << 40 },
	} {
		params := types.DefaultParams()
		spoil(&params)
		if err := params.Validate(); !errors.Is(err, types.ErrOutOfBounds) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// messages are one of each, to decode random bytes into.
func messages() []interface {
	sdk.Msg
	Unmarshal([]byte) error
	ValidateBasic() error
} {
	return []interface {
		sdk.Msg
		Unmarshal([]byte) error
		ValidateBasic() error
	}{
		&types.MsgCreateSubnet{}, &types.MsgStartSubnet{}, &types.MsgDissolveSubnet{}, &types.MsgSetParameter{},
		&types.MsgRegister{}, &types.MsgRotateHotKey{}, &types.MsgProposeOwner{}, &types.MsgCancelOwner{},
		&types.MsgAcceptOwner{}, &types.MsgSetModel{}, &types.MsgSetProfile{}, &types.MsgSetVoice{}, &types.MsgUpdateParams{},
	}
}

func FuzzMessages(f *testing.F) {
	seed := types.MsgSetProfile{Operator: alice, Addresses: []string{"[::1]:80"}, GatewayUrl: "https://a/b"}
	raw, err := seed.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(10), raw)
	create := types.MsgCreateSubnet{Sender: alice, Name: "chat", Mechanism: types.Mechanism{Id: "exact", Digest: digest}}
	if raw, err = create.Marshal(); err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), raw)
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		all := messages()
		msg := all[int(which)%len(all)]
		if msg.Unmarshal(raw) != nil {
			return
		}
		err := msg.ValidateBasic()
		if err != nil && !errors.Is(err, types.ErrInvalid) && !errors.Is(err, types.ErrOutOfBounds) {
			t.Fatalf("error outside the table: %v", err)
		}
	})
}

func FuzzProfileAddress(f *testing.F) {
	for _, s := range []string{"a:1", "[::1]:80", "https://a.b/c", "-:9", "[", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := types.Profile{Operator: alice, Addresses: []string{s}, GatewayUrl: s}
		if p.Validate() == nil {
			t.Fatalf("%q is both host:port and a URL", s)
		}
		p.GatewayUrl = ""
		if p.Validate() == nil && strings.ContainsAny(s, " \t\r\n/\\@\"'<>") {
			t.Fatalf("address %q", s)
		}
	})
}
