// Package module gives the task families that are built in a module's form: what they draw and score is the same bits either way.
package module

import (
	"encoding/binary"

	"agora/task"
	"agora/task/kit/guest"
)

// Of is a family as a module serves it. An item's key is its seed and index: the score draws it again.
func Of(f task.Family, about string) guest.Task {
	return guest.Task{
		Name: f.Name(), About: about, Version: "1",
		Item: func(seed [32]byte, index uint64) guest.Item {
			item := f.Item(seed, index)
			return guest.Item{Path: item.Path, Request: item.Body, Key: binary.BigEndian.AppendUint64(seed[:], index)}
		},
		Score: func(key, answer []byte) (float64, string) {
			if len(key) != 40 {
				return 0, "the key is no item's"
			}
			score, err := f.Item([32]byte(key), binary.BigEndian.Uint64(key[32:])).Score(answer)
			if err != nil {
				return 0, err.Error()
			}
			return score, "compared"
		},
	}
}
