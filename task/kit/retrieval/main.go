// Command retrieval is a task: vectors of texts, near to each other where the texts say the same in other words.
package main

import (
	"fmt"
	"math"
	"strings"

	"agora/task/kit/guest"
)

const triplets = 8 // of one item: a text, one that says the same, one that does not but shares words

// Slots of a sentence: words of one line mean the same, lines differ.
var (
	who   = lines("the doctor,a physician|the child,a kid|the lawyer,an attorney|the thief,a robber|the sailor,a seaman|the teacher,an instructor")
	did   = lines("bought,purchased|repaired,mended|lost,mislaid|found,discovered|hid,concealed|began to use,started using")
	what  = lines("a car,an automobile|a house,a dwelling|a sofa,a couch|a purse,a handbag|a photo,a picture|a present,a gift")
	where = lines("in the forest,in the woods|near the shop,close to the store|in the town,in the city|at the seaside,on the coast|in autumn,in the fall|at noon,at midday")
)

func lines(text string) [][]string {
	var list [][]string
	for _, line := range strings.Split(text, "|") {
		list = append(list, strings.Split(line, ","))
	}
	return list
}

// draw makes a text, the same in other words, and the text with two slots changed.
func draw(s *guest.Source) [3]string {
	slots := [][][]string{who, did, what, where}
	var text, same, other []string
	keep := s.Intn(4)
	for i, slot := range slots {
		at, way := s.Intn(len(slot)), s.Intn(2)
		text, same = append(text, slot[at][way]), append(same, slot[at][1-way])
		if i != keep && i != (keep+1)%4 {
			other = append(other, slot[(at+1+s.Intn(len(slot)-1))%len(slot)][way])
			continue
		}
		other = append(other, slot[at][way])
	}
	return [3]string{strings.Join(text, " "), strings.Join(same, " "), strings.Join(other, " ")}
}

func item(seed [32]byte, index uint64) guest.Item {
	s := guest.NewSource(seed, index)
	var texts []string
	order := make([]byte, triplets) // 1 where the other text stands before the same one
	for i := range order {
		t := draw(s)
		if order[i] = byte(s.Intn(2)); order[i] == 1 {
			t[1], t[2] = t[2], t[1]
		}
		texts = append(texts, t[:]...)
	}
	return guest.Embed(texts, order)
}

// score is the share of triplets whose text is nearer to the one that says the same, 0 at what chance gives.
func score(key, answer []byte) (float64, string) {
	v, err := guest.Vectors(answer, 3*len(key))
	if err != nil {
		return 0, err.Error()
	}
	right := 0
	for i, swapped := range key {
		near := cosine(v[3*i], v[3*i+1]) - cosine(v[3*i], v[3*i+2])
		if swapped == 0 && near > 0 || swapped == 1 && near < 0 {
			right++
		}
	}
	return max(0, 2*float64(right)/float64(len(key))-1), fmt.Sprintf("%d of %d triplets are right", right, len(key))
}

// cosine of two vectors, each product rounded by itself so that every machine has the same bits; 0 where one has no length.
func cosine(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+float64(a[i]*b[i]), aa+float64(a[i]*a[i]), bb+float64(b[i]*b[i])
	}
	if !(aa > 0 && bb > 0) {
		return 0
	}
	return ab / math.Sqrt(float64(aa*bb))
}

func init() {
	guest.Serve(guest.Task{Name: "retrieval", About: "Vectors of texts, near where the texts say the same.", Version: "1", Item: item, Score: score})
}

func main() {}
