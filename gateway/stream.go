package gateway

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"agora/wire/openai"
)

// errConsumer marks a stream that ended because the consumer no longer takes it.
var errConsumer = errors.New("gateway: the consumer left")

// deliver passes an answer on that has begun. The error is why a stream ended early; the consumer knows by then.
func (a *answer) deliver() error {
	a.announce()
	if !a.Stream {
		a.whole = a.priced(a.whole)
		a.said.set("Content-Type", a.kind)
		a.said.set("Content-Length", strconv.Itoa(len(a.whole)))
		_ = a.lastly(a.endWhole) // a consumer that left needs no answer
		return nil
	}
	err := a.pass()
	if errors.Is(err, errConsumer) || a.gone() {
		a.bill.abandoned(a.call, a.from, a.usage)
	}
	if errors.Is(err, errConsumer) || a.gone() {
		return nil
	}
	if err != nil {
		a.out.event(brokenOff(err))
	}
	return err
}

// announce says who answers: in the header, or in a comment where that is out already. Overhead is the time the request
// spent here and not at the miner that answers; attempts that failed are part of it.
func (a *answer) announce() {
	now := time.Now()
	overhead := a.sent.Sub(a.arrived) + now.Sub(a.got)
	a.metrics.overhead.Observe(overhead.Seconds())
	a.series.first.Observe(now.Sub(a.arrived).Seconds())
	a.out.declare(func() {
		a.hello()
		l := a.said
		l.set("X-Agora-Miner", a.from.name)
		l.set("X-Agora-Model", a.from.Model)
		if a.Proofs != nil {
			l.set("X-Agora-Receipt", a.signID)
			l.set("X-Agora-Verified", a.Proofs.verified(a.from.netuid, a.from.Miner, a.path))
		}
		l.set("X-Agora-Overhead-Us", strconv.FormatInt(overhead.Microseconds(), 10))
	}, a.from.name)
}

// hello sets what is known before a miner answers.
func (c *call) hello() {
	l := c.said
	l.set("X-Agora-Subnet", c.route.subnet)
	l.set("X-Agora-Rank", string(c.route.rank))
	l.set("X-Content-Type-Options", "nosniff")
	c.bill.answerTo(l)
	if c.Stream {
		l.set("Content-Type", "text/event-stream")
		l.set("Cache-Control", "no-store")
		l.set("X-Accel-Buffering", "no") // a reverse proxy in between shall not collect events
	}
}

// pass hands the stream on, chunk by chunk, each as soon as it is there, up to [DONE], which the consumer gets whether the
// miner sent it or not.
func (a *answer) pass() error {
	if a.translation != nil {
		a.voice = a.translation.voice()
		a.out.speak(a.voice)
	}
	a.out.begin(http.StatusOK)
	for _, text := range a.held {
		a.out.comment(text)
	}
	c := openai.Chunk{Data: a.first, Usage: a.usage}
	for {
		a.await(a.Total) // a slow consumer is not the miner's fault
		err := a.hand(c)
		if err != nil {
			return err
		}
		a.await(a.Stall)
		if c, err = a.next(); err == io.EOF {
			a.settleAtEnd()
			return a.lastly(a.end)
		}
		if err != nil {
			return err
		}
	}
}

// hand gives the consumer a chunk or a comment. The error is errConsumer, or that of a chunk that cannot be told.
func (a *answer) hand(c openai.Chunk) error {
	if c.Comment {
		return left(a.out.comment(c.Data))
	}
	if c.Usage != nil {
		a.usage = c.Usage
	}
	if a.bill != nil {
		c.Data = a.billed(c)
	}
	if err := a.tell(c.Data); err != nil {
		return err
	}
	a.parts++
	if a.bill != nil {
		a.bill.chunks++
	}
	return nil
}

// tell gives the consumer a chunk in the words of its door.
func (a *answer) tell(chunk []byte) error {
	flush := !a.stream.Ready()
	if a.voice == nil {
		return left(a.out.data(chunk, flush))
	}
	events, err := a.voice.Chunk(chunk)
	if err != nil {
		return err
	}
	return left(a.out.write(events, flush))
}

// end tells the consumer that the answer is whole.
func (a *answer) end() error {
	a.paced(time.Now())
	if a.voice == nil {
		return left(a.out.data([]byte("[DONE]"), true))
	}
	return left(a.out.write(a.voice.End(), true))
}

// endWhole gives the consumer a plain answer.
func (a *answer) endWhole() error {
	a.out.begin(http.StatusOK)
	return a.out.write(a.whole, true)
}

// left is errConsumer where a consumer could not be written to.
func left(err error) error {
	if err != nil {
		return errConsumer
	}
	return nil
}

// brokenOff is the error with which a stream ends early. A consumer must not take half an answer for a whole one.
func brokenOff(err error) *openai.Error {
	var t *told
	if errors.As(err, &t) && t.reason.Message != "" {
		if isRefusal(err) {
			return t.reason
		}
		return openai.Errorf(http.StatusBadGateway, "the answer is not complete: %s", t.reason.Message).WithCode("miner_failed")
	}
	return openai.Errorf(http.StatusBadGateway,
		"the answer is not complete: the miner stopped in the middle of it; ask again").WithCode("miner_died")
}
