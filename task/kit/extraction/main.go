// Command extraction is a task: read a letter and give its order as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"agora/task/kit/guest"
)

var (
	names  = strings.Fields("Ada Bruno Clara Diego Edith Felix Greta Hugo Irene Jonas Karin Lukas Marta Nils Olga Pavel Rita Simon Tessa Ugo")
	cities = strings.Fields("Lisbon Oslo Prague Vienna Dublin Athens Riga Turin Porto Lyon Bergen Gdansk Malaga Ghent Graz Basel")
	goods  = strings.Fields("lamps chairs kettles ladders mirrors baskets candles hammers bottles carpets clocks tables")
	months = strings.Fields("January February March April May June July August September October November December")
)

// order is what a letter orders. Total is Count × Price.
type order struct {
	Name  string `json:"name"`
	City  string `json:"city"`
	Item  string `json:"item"`
	Count int    `json:"count"`
	Total int    `json:"total"`
	Date  string `json:"date"`
}

// Forms of a letter: %[1]s name, %[2]s city, %[3]s item, %[4]d count, %[5]d price, %[6]s day and month; %[7]s and %[8]d are of another order.
var forms = []string{
	"Dear sirs,\nlast time I had %[8]d %[7]s from you. Now I need %[4]d %[3]s, at %[5]d crowns each as agreed. Please have them in %[2]s by %[6]s.\nYours, %[1]s",
	"Hello! %[1]s here. Could you send %[3]s to our shop in %[2]s? %[4]d of them, please, %[5]d crowns apiece; we need them on %[6]s. The %[8]d %[7]s can wait for a later order.",
	"Order of %[6]s. From: %[1]s, %[2]s. We take %[4]d pieces of your %[3]s for %[5]d crowns a piece. (Your offer of %[8]d %[7]s we must decline.)",
	"To whom it may concern: on %[6]s our branch at %[2]s opens, and it lacks %[3]s. Ship %[4]d. We pay %[5]d crowns for each. Not the %[7]s, of which we have %[8]d. Regards, %[1]s",
}

// draw makes an order and its letter.
func draw(s *guest.Source) (order, string) {
	at := s.Intn(len(goods))
	o := order{
		guest.Pick(s, names), guest.Pick(s, cities), goods[at], 2 + s.Intn(40), 0, fmt.Sprintf("%d %s", 1+s.Intn(28), guest.Pick(s, months)),
	}
	price, other := 3+s.Intn(30), goods[(at+1+s.Intn(len(goods)-1))%len(goods)]
	o.Total = o.Count * price
	return o, fmt.Sprintf(guest.Pick(s, forms), o.Name, o.City, o.Item, o.Count, price, o.Date, other, 41+s.Intn(20))
}

func item(seed [32]byte, index uint64) guest.Item {
	o, letter := draw(guest.NewSource(seed, index))
	key, _ := json.Marshal(o) // texts and numbers marshal
	return guest.Chat("", letter+"\n\nGive the order of this letter as a JSON object with the keys name (of the writer), city, item, count, total (count times price) and date.", 128, key)
}

// score is the share of the six fields that are right in the first JSON object of an answer, 0 where there is none.
func score(key, answer []byte) (float64, string) {
	text, err := guest.Text(answer)
	from := max(0, strings.IndexByte(text, '{'))
	var want, got map[string]any
	if err != nil || json.NewDecoder(strings.NewReader(text[from:])).Decode(&got) != nil || json.Unmarshal(key, &want) != nil {
		return 0, "no JSON object in the answer"
	}
	right, wrong := 0, ""
	for _, field := range []string{"name", "city", "item", "count", "total", "date"} {
		if strings.EqualFold(fmt.Sprint(got[field]), fmt.Sprint(want[field])) {
			right++
			continue
		}
		wrong += fmt.Sprintf(" %s is %v, not %v;", field, got[field], want[field])
	}
	return float64(right) / 6, "wrong:" + wrong
}

func init() {
	guest.Serve(guest.Task{Name: "extraction", About: "Reads a letter and gives its order as JSON.", Version: "1", Item: item, Score: score})
}

func main() {}
