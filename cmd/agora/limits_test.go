package main

import (
	"reflect"
	"testing"

	"github.com/spf13/pflag"

	"agora/task/shelf"
	"agora/validator/daemon"
)

func TestAnOperatorsPolicyIsRead(t *testing.T) {
	var got daemon.Tasks
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	taskFlags(f, &got)
	if err := f.Parse([]string{"--task-only", "3,4", "--task-never=5", "--task-budget", "3:processor=0.5,items=100", "--task-budget=4:asks=7,memory=64"}); err != nil {
		t.Fatal(err)
	}
	want := daemon.Tasks{
		Only: []uint32{3, 4}, Never: []uint32{5},
		Each: map[uint32]shelf.Budget{3: {Processor: 0.5, Items: 100}, 4: {Asks: 7, Memory: 64}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"3", "x:items=1", "3:items=0", "3:items=a", "3:processor=-1", "3:processor=NaN", "3:pets=1"} {
		if err := f.Parse([]string{"--task-budget", bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if err := f.Parse([]string{"--task-only", "one"}); err == nil {
		t.Error("a word is taken for a netuid")
	}
}
