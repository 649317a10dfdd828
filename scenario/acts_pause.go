package scenario

import (
	"strconv"
	"strings"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	pausetypes "agora/chain/x/pause/types"
)

// why is the reason that every pause of a story gives.
const why = "a fault is being repaired"

// makePause reads TYPE… [for=DURATION]; 72 hours unless it says otherwise.
func makePause(_ *World, who string, words []string) (sdk.Msg, error) {
	length := 72 * time.Hour
	if text, ok := strings.CutPrefix(words[len(words)-1], "for="); ok {
		var err error
		if length, err = duration(text); err != nil {
			return nil, err
		}
		words = words[:len(words)-1]
	}
	return &pausetypes.MsgPause{Sender: Account(who).String(), TypeUrls: words, Seconds: uint64(length / time.Second), Reason: why}, nil
}

func makeResume(_ *World, who string, words []string) (sdk.Msg, error) {
	return &pausetypes.MsgResume{Sender: Account(who).String(), TypeUrls: words, Reason: why}, nil
}

func makeSecond(_ *World, who string, words []string) (sdk.Msg, error) {
	motion, err := strconv.ParseUint(words[0], 10, 64)
	return &pausetypes.MsgVote{Operator: Account(who).String(), Motion: motion}, err
}
