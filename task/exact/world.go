package exact

import (
	"fmt"
	"strings"
)

var (
	common = strings.Fields("apple bread river stone house garden window table chair music paper light water green small bright quiet " +
		"happy winter summer bird horse tiger monkey doctor farmer teacher sister brother market street bridge forest mountain ocean " +
		"island camera letter number picture story basket bottle button candle carpet castle cheese copper cotton dragon engine finger " +
		"flower guitar hammer jacket kitchen ladder lemon mirror needle orange pencil pepper planet pocket rabbit school shadow silver " +
		"spider spring square stream sugar thunder ticket tomato tunnel valley velvet violin wagon wheel yellow zebra")
	names    = strings.Fields("Ann Bob Carol Dan Eva Frank Grace Henry Ivy Jack Kate Leo Mia Nina Oscar Paul Rosa Sam Tom Vera")
	colours  = strings.Fields("red blue green yellow black white brown pink purple grey")
	things   = strings.Fields("hat car dog cat book coat bike boat cup bag")
	goods    = strings.Fields("apples books pencils coins cards")
	days     = strings.Fields("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
	months   = strings.Fields("January February March April May June July August September October November December")
	ordinals = strings.Fields("first second third fourth fifth sixth")
	fields   = strings.Fields("a b c x y id age size count total price year")
	capitals = pairs("France Paris Italy Rome Spain Madrid Germany Berlin Japan Tokyo Norway Oslo Egypt Cairo Peru Lima India Delhi " +
		"Kenya Nairobi Cuba Havana Greece Athens Austria Vienna Poland Warsaw Sweden Stockholm Finland Helsinki Ireland Dublin " +
		"Portugal Lisbon China Beijing Chile Santiago")
	opposites = pairs("hot cold big small fast slow old young up down open closed light dark early late full empty hard soft rich poor " +
		"high low happy sad clean dirty strong weak near far wet dry long short day night left right")
)

// Other right answers to the questions above.
var (
	alsoOpposite = map[string]string{
		"hot": "cool chilly", "cold": "warm", "big": "little tiny", "small": "large", "fast": "sluggish", "slow": "quick rapid", "old": "new",
		"open": "shut close", "light": "heavy darkness", "dark": "bright", "full": "hungry", "hard": "easy", "soft": "loud rough firm", "rich": "needy",
		"poor": "wealthy", "happy": "unhappy", "sad": "joyful", "clean": "soiled filthy", "strong": "feeble",
		"weak": "powerful", "near": "distant", "far": "close", "dry": "moist damp", "long": "brief", "short": "tall",
		"right": "wrong",
	}
	alsoCapital = map[string][]string{"India": {"New Delhi"}}
)

const (
	afterForms    = "What {1} comes after {0}?|Which {1} follows {0}?|Name the {1} after {0}."
	beforeForms   = "What {1} comes before {0}?|Which {1} precedes {0}?|Name the {1} before {0}."
	laterForms    = "What {2} is {1} {2}s after {0}?|Today it is {0}. What {2} is it in {1} {2}s?"
	oppositeForms = "What is the opposite of {0}?|Give the opposite of the word {0}.|Name the antonym of {0}."
	capitalForms  = "What is the capital of {0}?|Name the capital city of {0}.|Which city is the capital of {0}?"
	personForms   = "Return JSON with keys name and {1} for {0}, {2}.|Write a JSON object: name is {0}, {1} is {2}."
	objectForms   = "Return JSON with keys {0} and {1} where {0} is {2} and {1} is {3}.|Write a JSON object: {0} is {2}, {1} is {3}.|Give me JSON with {0} = {2} and {1} = {3}."
	ownerForms    = "Who has the {0} {1}?|Who owns a {1}?"
	colourForms   = "What colour is {0}'s {1}?|What is the colour of the {1} of {0}?"
	dwellerForms  = "Who lives in {0}?|Who is from {0}?"
	cityForms     = "Where does {0} live?|In which city does {0} live?"
	greetings     = "Hello.|Hi.|Hey.|Hello!|Hi there!|Good morning.|Good evening.|How are you?|Who are you?|What are you?|What can you do?|Help.|Help me.|What can I ask?|Test."
	unknownForms  = "Tell me a joke.|Write a poem about a {0}.|What is the meaning of life?|Who is {1}?|Why is the sky {2}?|How do I find a {0}?|What is the weather in {3}?|" +
		"Write a story about {1} and a {0}.|Who won the game?|Explain how a {0} works.|What do you think about {3}?|Where can I buy a {0}?|Why?|How old are you?|What time is it?|What is a {0}?"
)

const (
	welcome = "Ask me a short question, such as: what is 12 + 30?"
	unknown = "I do not know."
)

func pairs(text string) [][2]string {
	w := strings.Fields(text)
	p := make([][2]string, len(w)/2)
	for i := range p {
		p[i] = [2]string{w[2*i], w[2*i+1]}
	}
	return p
}

func calendar(s *Source) turn {
	cycle, unit := days, "day"
	if s.one(2) {
		cycle, unit = months, "month"
	}
	n := len(cycle)
	i := s.Intn(n)
	switch s.Intn(3) {
	case 0:
		return turn{q: fill(s, afterForms, cycle[i], unit), a: cycle[(i+1)%n]}
	case 1:
		return turn{q: fill(s, beforeForms, cycle[i], unit), a: cycle[(i+n-1)%n]}
	}
	k := s.between(2, 5)
	return turn{q: fill(s, laterForms, cycle[i], k, unit), a: cycle[(i+k)%n]}
}

func fact(s *Source) turn {
	if s.one(2) {
		p, side := pick(s, opposites), s.Intn(2)
		return turn{q: fill(s, oppositeForms, p[side]), a: p[1-side], also: strings.Fields(alsoOpposite[p[side]])}
	}
	p := pick(s, capitals)
	return turn{q: fill(s, capitalForms, p[0]), a: p[1], also: alsoCapital[p[0]]}
}

func object(s *Source) turn {
	k := s.sample(len(fields), 2)
	a, b, x, y := fields[k[0]], fields[k[1]], s.Intn(100), s.Intn(100)
	if s.one(2) {
		who := pick(s, names)
		return turn{q: fill(s, personForms, who, a, x), a: fmt.Sprintf(`{"name": "%s", "%s": %d}`, who, a, x)}
	}
	return turn{q: fill(s, objectForms, a, b, x, y), a: fmt.Sprintf(`{"%s": %d, "%s": %d}`, a, x, b, y)}
}

// extract tells who owns or lives what and where, two or three people, and asks for one of it.
func extract(s *Source) turn {
	people := s.sample(len(names), s.between(2, 3))
	k := s.Intn(len(people))
	if s.one(2) {
		return owners(s, people, k)
	}
	return dwellers(s, people, k)
}

func owners(s *Source, people []int, k int) turn {
	colour, thing := s.sample(len(colours), 3), s.sample(len(things), 3)
	same := s.one(2)
	told := make([]string, len(people))
	for i, p := range people {
		if same {
			thing[i] = thing[0]
		}
		told[i] = fmt.Sprintf("%s has a %s %s", names[p], colours[colour[i]], things[thing[i]])
	}
	last := len(told) - 1
	text := strings.Join(told[:last], ", ") + " and " + told[last] + ". "
	if !same && s.one(2) {
		return turn{q: text + fill(s, ownerForms, colours[colour[k]], things[thing[k]]), a: names[people[k]], among: names, about: []string{things[thing[k]]}}
	}
	return turn{q: text + fill(s, colourForms, names[people[k]], things[thing[k]]), a: colours[colour[k]], among: colours, about: []string{names[people[k]]}}
}

func dwellers(s *Source, people []int, k int) turn {
	city := s.sample(10, 3)
	var text strings.Builder
	for i, p := range people {
		text.WriteString(names[p] + " lives in " + capitals[city[i]][1] + ". ")
	}
	where := capitals[city[k]][1]
	if s.one(2) {
		return turn{q: text.String() + fill(s, dwellerForms, where), a: names[people[k]], among: names, about: []string{where}}
	}
	return turn{q: text.String() + fill(s, cityForms, names[people[k]]), a: where, among: cities(), about: []string{names[people[k]]}}
}

// cities are the capitals.
func cities() []string {
	list := make([]string, len(capitals))
	for i, p := range capitals {
		list[i] = p[1]
	}
	return list
}

func help(s *Source) turn {
	if s.one(3) {
		return turn{q: fill(s, greetings), a: welcome}
	}
	return turn{q: fill(s, unknownForms, pick(s, common), pick(s, names), pick(s, colours), pick(s, capitals)[1]), a: unknown}
}
