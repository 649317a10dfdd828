package exact

import (
	"slices"
	"strconv"
	"strings"
)

const (
	addForms   = "What is {0} + {1}?|What is {0} plus {1}?|Add {0} and {1}.|{0} + {1} = ?|Compute {0} + {1}.|What is the sum of {0} and {1}?"
	subForms   = "What is {0} - {1}?|What is {0} minus {1}?|Subtract {1} from {0}.|{0} - {1} = ?|Compute {0} - {1}.|Take {1} away from {0}."
	mulForms   = "What is {0} * {1}?|What is {0} times {1}?|Multiply {0} by {1}.|{0} * {1} = ?|Compute {0} * {1}."
	sum3Forms  = "What is {0} + {1} + {2}?|Add {0}, {1} and {2}.|{0} + {1} + {2} = ?|Compute {0} + {1} + {2}."
	gainForms  = "{0} has {1} {3} and buys {2} more. How many {3} does {0} have?|{0} had {1} {3}. Then {0} got {2} more. How many {3} now?"
	loseForms  = "{0} has {1} {3} and gives away {2}. How many {3} are left?|{0} had {1} {3} and lost {2}. How many {3} does {0} have?"
	moreForms  = "Which is larger, {0} or {1}?|Which number is bigger: {0} or {1}?|Tell me the larger of {0} and {1}."
	lessForms  = "Which is smaller, {0} or {1}?|Which number is less: {0} or {1}?|Tell me the smaller of {0} and {1}."
	maxForms   = "What is the maximum of {0}?|Find the largest number in this list: {0}.|Which of these is the biggest: {0}?"
	minForms   = "What is the minimum of {0}?|Find the smallest number in this list: {0}.|Which of these is the least: {0}?"
	upForms    = "Sort {0} in ascending order.|Sort these numbers: {0}.|Put these numbers in order, smallest first: {0}."
	downForms  = "Sort {0} in descending order.|Put these numbers in order, largest first: {0}."
	nextForms  = "What comes next: {0}?|Which number follows {0}?"
	evenForms  = "Is {0} even?|Is {0} an even number?|Is the number {0} even?"
	oddForms   = "Is {0} odd?|Is {0} an odd number?|Is the number {0} odd?"
	romanForms = "Write {0} in Roman numerals.|What is {0} as a Roman numeral?"
	readForms  = "What number is the Roman numeral '{0}'?|Convert '{0}' to a number."
)

func number(q string, n int) turn { return turn{q: q, a: strconv.Itoa(n)} }

func measured(q string, n int, unit string) turn { return turn{q: q, a: strconv.Itoa(n), unit: unit} }

func addition(lo, hi int) func(*Source) turn {
	return func(s *Source) turn {
		a, b := s.between(lo, hi), s.between(lo, hi)
		return number(fill(s, addForms, a, b), a+b)
	}
}

// subtraction keeps the result at or above 0.
func subtraction(lo, hi int) func(*Source) turn {
	return func(s *Source) turn {
		a, b := s.between(lo, hi), s.between(lo, hi)
		a, b = max(a, b), min(a, b)
		return number(fill(s, subForms, a, b), a-b)
	}
}

func sumOfThree(s *Source) turn {
	a, b, c := s.between(1, 99), s.between(1, 50), s.between(1, 50)
	return number(fill(s, sum3Forms, a, b, c), a+b+c)
}

// product multiplies a number of one or two digits by one of one digit, in either order.
func product(s *Source) turn {
	a, b := s.between(2, 99), s.between(2, 9)
	if s.one(2) {
		a, b = b, a
	}
	return number(fill(s, mulForms, a, b), a*b)
}

func story(s *Source) turn {
	a, b := s.between(10, 60), s.between(2, 40)
	who, what := pick(s, names), pick(s, goods)
	if s.one(2) {
		return number(fill(s, gainForms, who, a, b, what), a+b)
	}
	a, b = max(a, b), min(a, b)
	return number(fill(s, loseForms, who, a, b, what), a-b)
}

// compare asks for the larger or smaller of two numbers; one time in six both have the same hundreds.
func compare(s *Source) turn {
	limit := pick(s, []int{100, 1000})
	a, b := s.Intn(limit), s.Intn(limit)
	if limit == 1000 && s.one(3) {
		b = a/100*100 + s.Intn(100)
	}
	if a == b {
		b++
	}
	if s.one(2) {
		return number(fill(s, moreForms, a, b), max(a, b))
	}
	return number(fill(s, lessForms, a, b), min(a, b))
}

func extreme(s *Source) turn {
	list := s.sample(100, s.between(3, 5))
	if s.one(2) {
		return number(fill(s, maxForms, commas(list)), slices.Max(list))
	}
	return number(fill(s, minForms, commas(list)), slices.Min(list))
}

func sortThree(s *Source) turn {
	list := s.sample(100, 3)
	given := commas(list)
	slices.Sort(list)
	if s.one(3) {
		slices.Reverse(list)
		return turn{q: fill(s, downForms, given), a: commas(list)}
	}
	return turn{q: fill(s, upForms, given), a: commas(list)}
}

func sequence(s *Source) turn {
	a, d := s.between(1, 40), s.between(1, 12)
	return number(fill(s, nextForms, commas([]int{a, a + d, a + 2*d, a + 3*d})), a+4*d)
}

func parity(s *Source) turn {
	n := s.Intn(pick(s, []int{100, 10000}))
	if s.one(2) {
		return turn{q: fill(s, evenForms, n), a: yes(n%2 == 0)}
	}
	return turn{q: fill(s, oddForms, n), a: yes(n%2 == 1)}
}

func romanNumeral(s *Source) turn {
	n := s.between(1, 199)
	if s.one(2) {
		return turn{q: fill(s, romanForms, n), a: roman(n), spell: true}
	}
	return number(fill(s, readForms, roman(n)), n)
}

// roman spells n, 1 ≤ n < 400.
func roman(n int) string {
	values, letters := []int{100, 90, 50, 40, 10, 9, 5, 4, 1}, strings.Fields("C XC L XL X IX V IV I")
	var b strings.Builder
	for i, v := range values {
		for ; n >= v; n -= v {
			b.WriteString(letters[i])
		}
	}
	return b.String()
}

func commas(list []int) string {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ", ")
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
