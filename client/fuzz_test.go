package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"

	subnettypes "agora/chain/x/subnet/types"
)

// answering is a node whose queries all get the same answer.
type answering struct {
	RPC
	response abci.ResponseQuery
}

func (a answering) ABCIQueryWithOptions(context.Context, string, cmtbytes.HexBytes, rpcclient.ABCIQueryOptions) (*ctypes.ResultABCIQuery, error) {
	return &ctypes.ResultABCIQuery{Response: a.response}, nil
}

// Whatever a node answers to a query, it becomes a value or an error.
func FuzzQueryAnswer(f *testing.F) {
	good, _ := (&subnettypes.QuerySubnetResponse{Subnet: subnettypes.Subnet{Netuid: 1, Name: "chat"}}).Marshal()
	f.Add(uint32(0), "", "", good)
	f.Add(uint32(22), "sdk", "rpc error: code = NotFound desc = subnet 9: key not found", []byte{})
	f.Add(uint32(0), "", "", []byte{0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, code uint32, space, log string, value []byte) {
		c := New(answering{response: abci.ResponseQuery{Height: 1, Code: code, Codespace: space, Log: log, Value: value}}, "fuzz")
		s, err := c.Subnet(t.Context(), 1)
		if err == nil && code != 0 {
			t.Errorf("code %d became %v", code, s)
		}
		if err != nil && err.Error() == "" && log != "" {
			t.Errorf("code %d with log %q became an error without words", code, log)
		}
	})
}

// Whatever events a node reports, they are decoded or left out.
func FuzzEvents(f *testing.F) {
	f.Add("agora.yuma.v1.EpochRun", "netuid", "1")
	f.Add("agora.yuma.v1.EpochRun", "mode", "EndBlock")
	f.Add("agora.subnet.v1.NeuronRegistered", "hot_key", `"!!"`)
	f.Add("transfer", "amount", "12rao")
	f.Fuzz(func(t *testing.T, kind, key, value string) {
		events := []abci.Event{{Type: kind, Attributes: []abci.EventAttribute{{Key: key, Value: value}}}}
		if list := typed(events); len(list) > 1 {
			t.Errorf("one event became %d", len(list))
		}
	})
}

func TestAnswerWithoutEndIsCutOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"jsonrpc":"2.0","id":-1,"result":"`)
		chunk := strings.Repeat("a", 1<<20)
		for range 2 * maxReply >> 20 {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	_, err := Dial(server.URL)
	if err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("error is %v, want one about the length", err)
	}
}

func TestAddressOfAnotherServiceIsAnError(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if _, err := Dial(server.URL); !errors.Is(err, ErrUnreachable) {
		t.Errorf("error is %v, want ErrUnreachable", err)
	}
	for _, bad := range []string{"", "127.0.0.1", "http://%%%", "ftp://x:1"} {
		if _, err := Dial(bad); err == nil {
			t.Errorf("Dial(%q) succeeded", bad)
		}
	}
}

func TestLongQueryAnswerIsRefused(t *testing.T) {
	c := New(answering{response: abci.ResponseQuery{Height: 1, Value: make([]byte, maxValue+1)}}, "long")
	if _, err := c.Subnets(t.Context()); err == nil || !strings.Contains(err.Error(), "smaller pages") {
		t.Errorf("error is %v, want one about the size", err)
	}
}
