package main

import (
	"encoding/json"
	"testing"
)

func TestColumnsAreNumbersAndZerosStay(t *testing.T) {
	var v any
	in := `{"records":[{"epoch":"0","incentive":"AAD//w==","permits":"AQA=","emissions":["0","7"],"active":"","block_time_unix":"0"}],"uids":[{"uid":0,"stake":"1234","active":true}],"from":"0001-01-01T00:00:00Z"}`
	if err := json.Unmarshal([]byte(in), &v); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(unpacked(v))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"from":null,"records":[{"active":[],"block_time_unix":"0","emissions":["0","7"],"epoch":"0","incentive":[0,65535],"permits":[1,0]}],"uids":[{"active":true,"stake":"1234","uid":0}]}`
	if string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}
