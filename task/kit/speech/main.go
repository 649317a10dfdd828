// Command speech is a task: speak a text, so clearly that a recogniser writes the same words down.
package main

import (
	"encoding/binary"
	"fmt"
	"strings"

	"agora/task/kit/guest"
)

// judge writes speech down: a program that every validator has, the best of a subnet for transcription (guest.Subnet), or weights by
// their digest (guest.Weights).
var judge = guest.Program("pocketsphinx")

var vocabulary = strings.Fields("zero one two three four five six seven eight nine")

func item(seed [32]byte, index uint64) guest.Item {
	s := guest.NewSource(seed, index)
	text := make([]string, 6)
	for i := range text {
		text[i] = guest.Pick(s, vocabulary)
	}
	return guest.Speak(strings.Join(text, " "), []byte(strings.Join(text, " ")))
}

// score is 1 less the word error rate, at least 0: edits that make the text of what was heard, over its words.
func score(key, answer []byte) (float64, string) {
	seconds, err := length(answer)
	if err != nil || seconds < 0.5 || seconds > 15 {
		return 0, fmt.Sprintf("not a WAV file of half a second to 15 seconds: %v", err)
	}
	want := strings.Fields(string(key))
	heard := guest.Hear(judge, answer, strings.Join(vocabulary, " "))
	wrong := guest.Edits(want, strings.Fields(strings.ToLower(heard)))
	return max(0, 1-float64(wrong)/float64(len(want))), fmt.Sprintf("heard %q, %d words are wrong", heard, wrong)
}

// length is how many seconds a WAV file of 16 bits and one channel lasts; programs that write as they speak leave its sizes open.
func length(wav []byte) (float64, error) {
	if len(wav) < 44 || string(wav[:4]) != "RIFF" || string(wav[8:16]) != "WAVEfmt " {
		return 0, fmt.Errorf("it does not begin like one")
	}
	channels, rate, bits := binary.LittleEndian.Uint16(wav[22:]), binary.LittleEndian.Uint32(wav[24:]), binary.LittleEndian.Uint16(wav[34:])
	if channels != 1 || bits != 16 || rate < 8000 || rate > 48000 {
		return 0, fmt.Errorf("%d channels of %d bits at %d Hz", channels, bits, rate)
	}
	return float64(len(wav)-44) / 2 / float64(rate), nil
}

func init() {
	guest.Serve(guest.Task{Name: "speech", About: "Speaks digits, which a recogniser must understand.", Version: "1", Item: item, Score: score})
}

func main() {}
