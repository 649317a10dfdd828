package main

import (
	"encoding/json"
	"strings"
	"testing"

	"agora/task/kit/guest"
)

const dictionary = `the=der old=alte young=junge small=kleine large=große tired=müde happy=frohe quiet=stille strange=fremde rich=reiche poor=arme clever=kluge brave=tapfere
doctor=Arzt farmer=Bauer teacher=Lehrer sailor=Seemann painter=Maler baker=Bäcker lawyer=Anwalt singer=Sänger soldier=Soldat gardener=Gärtner
buys=kauft sells=verkauft finds=findet loses=verliert paints=malt carries=trägt hides=versteckt washes=wäscht
two=zwei three=drei four=vier five=fünf six=sechs seven=sieben eight=acht nine=neun red=rote green=grüne blue=blaue yellow=gelbe black=schwarze white=weiße brown=braune grey=graue
apples=Äpfel chairs=Stühle books=Bücher bottles=Flaschen horses=Pferde boats=Boote flowers=Blumen letters=Briefe stones=Steine windows=Fenster
house=Haus garden=Garten forest=Wald market=Markt school=Schule kitchen=Küche station=Bahnhof church=Kirche today=heute yesterday=gestern tomorrow=morgen often=oft never=nie always=immer in=in of=von`

// translator is a program that translates word by word, as far as its dictionary goes, and leaves out every nth word of it.
func translator(back bool, without int) func(string) string {
	known := map[string]string{}
	for i, pair := range strings.Fields(dictionary) {
		from, to, _ := strings.Cut(strings.ToLower(pair), "=")
		if back {
			from, to = to, from
		}
		if without == 0 || i%without > 0 {
			known[from] = to
		}
	}
	return func(question string) string {
		_, text, _ := strings.Cut(question, ": ")
		var out []string
		for _, w := range words(text) {
			if t, ok := known[w]; ok {
				out = append(out, t)
			}
		}
		return strings.Join(out, " ") + "."
	}
}

// judged lets a program that translates back be the judge.
func judged(t *testing.T) {
	back := translator(true, 0)
	guest.Judge = func(m guest.Model, request []byte) string {
		var r struct{ Messages []guest.Message }
		if err := json.Unmarshal(request, &r); err != nil || m != judge {
			t.Error(err, m)
		}
		return back(r.Messages[0].Content)
	}
}

func TestTheBetterTranslatorWins(t *testing.T) {
	judged(t)
	good, poor := guest.Talker(translator(false, 0)), guest.Talker(translator(false, 5))
	guest.Ordered(t, guest.Seeds(), 15, good, poor)
	if m := guest.Mean(guest.Served(), [32]byte{}, 30, good); m < 0.95 {
		t.Errorf("who knows all words scores %.2f", m)
	}
	for _, cheap := range []string{"", "Der alte Arzt kauft zwei rote Äpfel.", "der von der in der"} {
		if m := guest.Mean(guest.Served(), [32]byte{}, 30, guest.Talker(func(string) string { return cheap })); m > 0.05 {
			t.Errorf("always %q scores %.2f", cheap, m)
		}
	}
	if m := guest.Mean(guest.Served(), [32]byte{}, 30, guest.Talker(func(q string) string { return q })); m > 0 {
		t.Errorf("the sentence itself scores %.2f", m)
	}
}
