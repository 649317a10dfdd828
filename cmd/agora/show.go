package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	gogogrpc "github.com/cosmos/gogoproto/grpc"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
)

// ownModules are those whose queries print every field, zeros too, and packed columns as numbers.
var ownModules = []string{"subnet", "yuma", "emission", "pause", "model", "market"}

// columns are the packed fields of an epoch's record, with the bytes of one number; recordOnly is a field that no other
// message has, whose fields of the same names are single numbers.
const recordOnly = "block_time_unix"

var columns = map[string]int{
	"stake": 2, "consensus": 2, "incentive": 2, "dividends": 2, "validator_trust": 2, "permits": 1, "active": 1,
}

// never is the time that the chain writes where there is none.
const never = "0001-01-01T00:00:00Z"

type answerKey struct{}

// catching notes the answer that a query got, in the context of its command.
type catching struct{ gogogrpc.ClientConn }

// Invoke implements grpc.ClientConnInterface.
func (c catching) Invoke(ctx context.Context, method string, in, out any, opts ...grpc.CallOption) error {
	err := c.ClientConn.Invoke(ctx, method, in, out, opts...)
	if got, ok := ctx.Value(answerKey{}).(*proto.Message); ok && err == nil {
		*got, _ = out.(proto.Message)
	}
	return err
}

// connect is how queries made of the chain's services reach a node.
func connect(cmd *cobra.Command) (grpc.ClientConnInterface, error) {
	ctx, err := client.GetClientQueryContext(cmd)
	if err != nil {
		return nil, err
	}
	return catching{ctx}, nil
}

// showWhole makes the queries of our own modules print their answers whole.
func showWhole(query *cobra.Command) error {
	for _, name := range ownModules {
		module, _, err := query.Find([]string{name})
		if err != nil || module.Name() != name {
			return fmt.Errorf("no command query %s: %w", name, err)
		}
		for _, sub := range module.Commands() {
			showOne(sub)
		}
	}
	return nil
}

func showOne(cmd *cobra.Command) {
	run := cmd.RunE
	if run == nil {
		return
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var got proto.Message
		out := cmd.OutOrStdout()
		cmd.SetContext(context.WithValue(cmd.Context(), answerKey{}, &got))
		var said bytes.Buffer
		cmd.SetOut(&said)
		err := run(cmd, args)
		cmd.SetOut(out)
		if err != nil || got == nil {
			_, failure := out.Write(said.Bytes())
			return firstOf(err, failure)
		}
		text, err := whole(got)
		if err != nil {
			return err
		}
		if format := client.GetClientContextFromCmd(cmd).OutputFormat; formatOf(cmd, format) == flags.OutputFormatText {
			if text, err = yaml.JSONToYAML(text); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintln(out, strings.TrimSpace(string(text)))
		return err
	}
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// formatOf is --output where it is given, else the configuration's.
func formatOf(cmd *cobra.Command, configured string) string {
	if f := cmd.Flags().Lookup(flags.FlagOutput); f != nil && (f.Changed || configured == "") {
		return f.Value.String()
	}
	return configured
}

// whole is an answer in JSON with every field.
func whole(m proto.Message) ([]byte, error) {
	bz, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(bz))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.MarshalIndent(unpacked(v), "", "  ")
}

// unpacked writes columns as numbers and times that are none as null.
func unpacked(v any) any {
	switch v := v.(type) {
	case map[string]any:
		_, packed := v[recordOnly]
		for k, inner := range v {
			v[k] = unpacked(inner)
			if text, ok := inner.(string); ok && packed && columns[k] > 0 {
				v[k] = column(text, columns[k])
			}
		}
	case []any:
		for i, inner := range v {
			v[i] = unpacked(inner)
		}
	case string:
		if v == never {
			return nil
		}
	}
	return v
}

// column reads a packed column.
func column(text string, size int) any {
	bz, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(bz)%size != 0 {
		return text
	}
	list := make([]uint16, 0, len(bz)/size)
	for i := 0; i < len(bz); i += size {
		if size == 1 {
			list = append(list, uint16(bz[i]))
			continue
		}
		list = append(list, uint16(bz[i])|uint16(bz[i+1])<<8)
	}
	return list
}
