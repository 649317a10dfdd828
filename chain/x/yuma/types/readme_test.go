package types

import (
	"os"
	"strings"
	"testing"
)

func TestTheReadmeHasEveryParameterMessageAndEvent(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"MsgCommitWeights", "MsgRevealWeights", "MsgSetWeights", "MsgUpdateParams", "EpochRun", "EpochDeferred", "EpochFailed", "WeightsCommitted", "WeightsRevealed"}
	for _, row := range DefaultParams().Table() {
		names = append(names, row.Name)
		if row.Value < row.Least || row.Value > row.Most || row.Reason == "" || row.Unit == "" {
			t.Errorf("%+v", row)
		}
	}
	for _, name := range names {
		if !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("the README does not mention `%s`", name)
		}
	}
}
