package exam

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"agora/mechanism/frontier"
	"agora/task"
	"agora/task/exact"
	"agora/task/grammar"
)

// Contest is a mechanism of a subnet of open models: families with their parts.
type Contest struct {
	Parts []Part
	whole int64
	tasks Tasks // of TaskFamily
}

// Drawn is what the items of a tempo follow from.
type Drawn struct {
	Seed task.Seed
	Task string // digest of the module that draws them; empty where no module does
}

// Part is a family's weight in the score of an item.
type Part struct {
	Family string
	Weight int64 // relative to the sum of all
}

// ErrContest says that a mechanism is no contest that this program can hold.
var ErrContest = errors.New("exam: mechanism")

const (
	maxParts  = 8
	maxWeight = 1000
)

// families tells how an item of each is drawn.
var families = map[string]func(seed task.Seed, index uint64) Question{
	exact.Family{}.Name(): drawExact,
	grammar.Name:          drawPassage,
}

// ParseContest reads a mechanism's id: families joined by "+", each with a whole number after a colon, "exact:3+grammar:1". A number
// that is left out is 1.
func ParseContest(id string) (Contest, error) {
	var c Contest
	for text := range strings.SplitSeq(id, "+") {
		name, number, numbered := strings.Cut(text, ":")
		weight := int64(1)
		if numbered {
			var err error
			if weight, err = strconv.ParseInt(number, 10, 64); err != nil || weight < 1 || weight > maxWeight {
				return c, fmt.Errorf("%w %q: the part of %s is %q, want 1 to %d", ErrContest, id, name, number, maxWeight)
			}
		}
		if families[name] == nil {
			return c, fmt.Errorf("%w %q: there is no family %q, there are exact and grammar", ErrContest, id, name)
		}
		for _, p := range c.Parts {
			if p.Family == name {
				return c, fmt.Errorf("%w %q: %s stands there twice", ErrContest, id, name)
			}
		}
		c.Parts = append(c.Parts, Part{name, weight})
		c.whole += weight
	}
	if len(c.Parts) > maxParts {
		return c, fmt.Errorf("%w %q: %d families, want at most %d", ErrContest, id, len(c.Parts), maxParts)
	}
	return c, nil
}

// Item draws the questions of an item, one per part. An error says that a task is not ready here.
func (c Contest) Item(ctx context.Context, of Drawn, index uint64) ([]Question, error) {
	list := c.named(of, index)
	for i, p := range c.Parts {
		if p.Family == TaskFamily {
			if err := c.drawTask(ctx, of, index, &list[i]); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// named is Item without running a task: of its questions only family and ID are known.
func (c Contest) named(of Drawn, index uint64) []Question {
	list := make([]Question, len(c.Parts))
	for i, p := range c.Parts {
		if p.Family == TaskFamily {
			list[i] = Question{Family: TaskFamily, ID: taskID(of, index)}
			continue
		}
		list[i] = families[p.Family](of.Seed, index)
	}
	return list
}

// Score is the weighted mean of what a model got for the questions of an item, rounded down.
func (c Contest) Score(results []Result) frontier.Score {
	var sum int64
	for i, p := range c.Parts {
		sum += p.Weight * int64(min(results[i].Score, frontier.Whole))
	}
	return frontier.Score(sum / c.whole)
}
