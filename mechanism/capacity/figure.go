package capacity

// Figures are thousandths of a token in a second, where four tokens that were read count as one that was written; at most Highest.
const Highest = 1 << 40

// Moments is over how many moments a capacity is the mean.
const Moments = 8

// Work is 4 · answer + prompt: what an answer is worth, in quarters of a token that was written.
func Work(prompt, answer uint64) uint64 { return min(prompt, Highest) + 4*min(answer, Highest) }

// Sample is what one voice saw of a server at a moment.
type Sample struct {
	Work   uint64 // of the authentic answers to its requests and to its consumers' that ended in the window, see Work
	Micros uint64 // of the window, see Window
	Own    uint64 // requests that it kept with the server; none is no figure
	Whole  uint64 // that all voices kept
	False  bool   // an answer of the burst was not its model's
}

// Figure is
//
//	work ÷ 4 ÷ window · whole ÷ own
//
// in thousandths of a token in a second, rounded down: 0 where an answer was false, and false where there is no figure.
func (s Sample) Figure() (figure uint64, ok bool) {
	if s.Own == 0 {
		return 0, false
	}
	if s.False {
		return 0, true
	}
	whole := min(max(s.Whole, s.Own), Most)
	work := min(s.Work, 1<<48) * whole
	return min(mulDiv(work, 250_000_000, max(s.Micros, 1)*min(s.Own, whole)), Highest), true
}

// Seen is a voice's figure of a server at a moment.
type Seen struct {
	Voice  int // index of its stake
	Figure uint64
}

// Trust is how many times its part of the stake a voice is believed to have seen of a server at most.
const Trust = 3

// whole is one in parts of a stake.
const whole = 1 << 32

// Of is a server's capacity by the figures of all voices of the last eight moments. At moment m, with S_m the stake of those that have a
// figure of it, voice i contributes
//
//	c_i,m = s_i · figure ÷ S_m,      C_i = Σ_m c_i,m,      p_i = mean of s_i ÷ S_m over its moments
//	capacity = Σ_i min(C_i, 3 · p_i ÷ (1 − p_i) · Σ_j≠i C_j) ÷ 8
//
// A voice keeps its part of the requests, so that the mean by stake is all work of the server ÷ the window, whichever of its voices or
// keys it answers first; the bound is what a voice that lies can add. Who has half of the stake (p_i ≥ ½) is believed. At a moment before the server came, and
// at one of which nobody has a figure, it is 0: who comes anew rises for eight moments. Of more than eight, the last count; of a voice's
// figures of one moment the first. Stakes add up to less than 2^64; a larger sum is cut off.
func Of(moments [][]Seen, stakes []uint64) uint64 {
	moments = moments[max(0, len(moments)-Moments):]
	saw, parts, figures := make([]uint64, len(stakes)), make([]uint64, len(stakes)), make([]uint64, len(stakes))
	for _, seen := range moments {
		seen, all := once(seen, stakes)
		if all == 0 {
			continue
		}
		for _, s := range seen {
			saw[s.Voice] += mulDiv(min(s.Figure, Highest), stakes[s.Voice], all)
			parts[s.Voice] += mulDiv(whole, stakes[s.Voice], all)
			figures[s.Voice]++
		}
	}
	var all, sum uint64
	for _, c := range saw {
		all += c
	}
	for i, c := range saw {
		sum += min(c, believed(all-c, parts[i]/max(figures[i], 1)))
	}
	return min(sum/Moments, Highest)
}

// believed is the most that a voice with a part of the stake may contribute beside what the others do.
func believed(others, part uint64) uint64 {
	if part+1 >= whole/2 { // but for rounding
		return 1<<64 - 1
	}
	return mulDiv(Trust*others, part, whole-part)
}

// once leaves out voices that are not there and what one tells again, and adds the others' stakes up.
func once(seen []Seen, stakes []uint64) (list []Seen, all uint64) {
	had := make([]bool, len(stakes))
	for _, s := range seen {
		if s.Voice >= 0 && s.Voice < len(stakes) && !had[s.Voice] {
			had[s.Voice] = true
			list = append(list, s)
			all = add(all, stakes[s.Voice])
		}
	}
	return list, all
}

// Mean is the mean by stake of figures of one moment, rounded down; 0 of nothing.
func Mean(seen []Seen, stakes []uint64) (mean uint64) {
	list, all := once(seen, stakes)
	for _, s := range list {
		mean += mulDiv(min(s.Figure, Highest), stakes[s.Voice], all)
	}
	return mean
}
