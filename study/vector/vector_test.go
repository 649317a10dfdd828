package vector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/mechanism/yuma"
	"agora/study/vector"
)

// recorded holds the files of cases beside package yuma.
const recorded = "../../mechanism/yuma/testdata"

// document wraps the changed parts of a small legal case.
func document(changes ...string) string {
	text := `{"family":"epoch","cases":[{"id":"one","n":3,"params":{"tempo":10},
		"state":{"block":5,"stake":[10,0,0],"last_update":[5,5,5],"registered":[0,0,0],"permit":[true,false,false],"bonds":[[[1,7]],[],[]]},
		"steps":[{"ops":[{"op":"set_weights","uid":0,"uids":[1,2],"values":[1,3]}],"emission":1000}]}]}`
	return strings.NewReplacer(changes...).Replace(text)
}

func TestEveryStepIsPrinted(t *testing.T) {
	var out bytes.Buffer
	if err := vector.Run(t.Context(), strings.NewReader(document()), &out); err != nil {
		t.Fatal(err)
	}
	var printed struct {
		Cases []struct {
			ID    string
			Steps []struct {
				Incentive []uint16
				Emission  []uint64
				Permits   []bool        `json:"validator_permits"`
				Bonds     [][][2]uint16 `json:"bonds_rows"`
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &printed); err != nil {
		t.Fatal(err)
	}
	step := printed.Cases[0].Steps[0]
	if printed.Cases[0].ID != "one" || step.Emission[0] != 500 || step.Incentive[2] != 49151 {
		t.Errorf("printed %s", out.String())
	}
	if len(step.Bonds) != 3 || len(step.Bonds[0]) != 2 || step.Bonds[0][1][0] != 2 || step.Bonds[1] == nil {
		t.Errorf("bonds are %v", step.Bonds)
	}
}

func TestACaseOfNobodyPrintsEmptyLists(t *testing.T) {
	const nobody = `{"cases":[{"id":"none","n":0,"state":{"block":1,"stake":[],"last_update":[],"registered":[],"permit":[]},"steps":[{"emission":5}]}]}`
	var out bytes.Buffer
	if err := vector.Run(t.Context(), strings.NewReader(nobody), &out); err != nil {
		t.Fatal(err)
	}
	if lists := strings.Count(out.String(), "[]"); lists != 10 || strings.Contains(out.String(), "null") {
		t.Errorf("printed %s", out.String())
	}
}

func TestAMalformedFileIsNamedByItsPath(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "expected JSON, found an empty file"},
		{"half a document", "{", "the document: expected more JSON after byte 1, found the end of the file"},
		{"a comma too many", document(`[1,3]`, `[1,,3]`), "the document: expected JSON: invalid character ',' looking for beginning of value (byte "},
		{"parameters in a list", document(`"params":{`, `"params":[],"note":{`), "cases[0].params: expected an object, found []"},
		{"parameters of a number", document(`],"emission"`, `,{"op":"set_params","params":5}],"emission"`), "cases[0].steps[0].ops[1].params: expected an object, found 5"},
		{"parameters of nothing", document(`],"emission"`, `,{"op":"set_params"}],"emission"`), "cases[0].steps[0].ops[1].params: expected an object, found nothing"},
		{"a list", "[]", "the document: expected an object"},
		{"another family", document(`"epoch"`, `"math"`), `family: expected "epoch", found "math"`},
		{"no cases", `{}`, "cases: expected a list, found nothing"},
		{"uid beyond n", document(`"uids":[1,2]`, `"uids":[1,3]`), "cases[0].steps[0].ops[0].uids[1]: expected an integer from 0 to 2, found 3"},
		{"uid twice", document(`"uids":[1,2]`, `"uids":[1,1]`), "cases[0].steps[0].ops[0].uids[1]: expected a uid that the list does not name already"},
		{"value too great", document(`[1,3]`, `[1,65536]`), "cases[0].steps[0].ops[0].values[1]: expected an integer from 0 to 65535, found 65536"},
		{"a value missing", document(`[1,3]`, `[1]`), "cases[0].steps[0].ops[0].values: expected as many values as uids"},
		{"unknown operation", document("set_weights", "paint"), `cases[0].steps[0].ops[0].op: expected the name of an operation, found "paint"`},
		{"unknown parameter", document(`"tempo"`, `"tempi"`), "cases[0].params.tempi: expected a parameter of the format"},
		{"a fraction", document(`"emission":1000`, `"emission":0.5`), "cases[0].steps[0].emission: expected an integer from 0 to 18446744073709551615, found 0.5"},
		{"a negative stake", document(`[10,0,0]`, `[10,-1,0]`), "cases[0].state.stake[1]: expected an integer"},
		{"a bond of three", document(`[1,7]`, `[1,7,7]`), "cases[0].state.bonds[0][0]: expected a list of at most 2 elements"},
		{"a bond twice", document(`[[1,7]]`, `[[1,7],[1,8]]`), "cases[0].state.bonds[0][1][0]: expected a uid that the row does not name already"},
		{"too many uids", document(`"n":3`, `"n":70000`), "cases[0].n: expected an integer from 0 to 65536, found 70000"},
		{"a permit that is no boolean", document(`[true,`, `[1,`), "cases[0].state.permit[0]: expected true or false, found 1"},
		{"two documents", document() + " {}", "the document: expected nothing after the JSON value"},
		{"text after the end", document() + "x", "the document: expected nothing after the JSON value"},
		{"a misspelt case", document(`"params"`, `"param"`), "cases[0].param: expected no such field, perhaps params"},
		{"a misspelt state", document(`"bonds"`, `"bond"`), "cases[0].state.bond: expected no such field, but one of block"},
		{"a misspelt step", document(`"ops"`, `"op"`), "cases[0].steps[0].op: expected no such field, perhaps ops"},
		{"a misspelt operation", document(`"values":[1,3]`, `"values":[1,3],"block":1`), "cases[0].steps[0].ops[0].block: expected no such field, but one of op, uid, uids, values"},
		{"no steps", document(`"steps":`, `"note":"","steps":null,"mode":`), "cases[0].steps: expected a list, found nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := vector.Run(t.Context(), strings.NewReader(c.text), new(bytes.Buffer))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestFilesAreJoinedAndNamedInErrors(t *testing.T) {
	good := filepath.Join(recorded, "epoch_mechanisms.json")
	var out bytes.Buffer
	if err := vector.RunFiles(t.Context(), []string{good, good}, &out); err != nil {
		t.Fatal(err)
	}
	if count := strings.Count(out.String(), `{"id":`); count != 14 {
		t.Errorf("printed %d cases, want 14", count)
	}
	bad := filepath.Join(recorded, "math.json")
	if err := vector.RunFiles(t.Context(), []string{bad}, &out); err == nil || !strings.Contains(err.Error(), "math.json: family") {
		t.Errorf("got %v", err)
	}
	for path, want := range map[string]string{"absent.json": "no such file", recorded: "is a directory"} {
		if err := vector.RunFiles(t.Context(), []string{path}, &out); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "JSON") {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}

func TestPlayingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := vector.Run(ctx, strings.NewReader(document()), new(bytes.Buffer)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPlayingACaseTwiceGivesTheSame(t *testing.T) {
	cases, err := vector.Read(strings.NewReader(document()))
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := vector.Write(t.Context(), &first, cases); err != nil {
		t.Fatal(err)
	}
	if err := vector.Write(t.Context(), &second, cases); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("first %s\nthen %s", first.String(), second.String())
	}
}

func TestANewcomerTakesOverWithoutTheOldRows(t *testing.T) {
	text := document(`],"emission"`, `,{"op":"set_block","block":6},{"op":"replace_neuron","uid":2}],"emission"`)
	cases, err := vector.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	cases[0].Play(new(yuma.Runner), func(_ int, in *yuma.Input, out *yuma.Result) {
		if in.Registered[2] != 6 || in.LastUpdate[2] != 6 {
			t.Errorf("registered %v, updated %v", in.Registered, in.LastUpdate)
		}
		if uid, value := in.Weights[0].At(1); uid != 2 || value != 0 {
			t.Errorf("the weight on the newcomer is %d on %d", value, uid)
		}
		if out.Incentive[1] != 65535 || out.Incentive[2] != 0 {
			t.Errorf("incentive %v", out.Incentive)
		}
	})
}

// FuzzRead feeds arbitrary documents: an error or a result, never a panic.
func FuzzRead(f *testing.F) {
	f.Add([]byte(document()))
	f.Add([]byte(document(`"n":3`, `"n":0`)))
	f.Add([]byte(document("set_weights", "reset_bonds")))
	for _, name := range []string{"epoch_traces", "epoch_mechanisms"} {
		text, err := os.ReadFile(filepath.Join(recorded, name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cases, err := vector.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, c := range cases {
			if c.N > 256 || len(c.Steps) > 64 {
				continue
			}
			if err := vector.Write(t.Context(), new(bytes.Buffer), []vector.Case{c}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
