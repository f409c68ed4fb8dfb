package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/operation"
)

const (
	dedupeWindow = 2 * time.Minute
	ackWait      = 30 * time.Second
	maxDelay     = 20 * time.Second
)

var errNobody = errors.New("nobody serves the topic")

// letter is a message on a queue.
type letter struct {
	seq        int
	queue, id  string
	data       []byte
	deliveries int
	notBefore  time.Time
	// holder is the process that handles it now, since when; the agent's letters have none.
	holder *process
	since  time.Time
}

// broker carries messages by the rules of package bus, and mistreats them while there is trouble.
type broker struct {
	w       *world
	seq     int
	letters []*letter
	seen    map[string]time.Time
	// done are the ends of handlers since the last quiet point; under the world's mu.
	done []handled
}

type handled struct {
	l   *letter
	p   *process
	err error
}

func newBroker(w *world) *broker { return &broker{w: w, seen: map[string]time.Time{}} }

// send accepts a message. It is called by one goroutine at a time: that of an answered call, or the scheduler.
func (b *broker) send(queue, id string, data []byte) {
	if at, ok := b.seen[queue+" "+id]; ok && id != "" && b.w.now.Sub(at) < dedupeWindow {
		return
	}
	b.seen[queue+" "+id] = b.w.now
	copies := 1
	if b.w.troubles > 0 {
		// The choice is made by the message, not by the dice: senders are goroutines of the engine.
		switch h := hash(id, len(b.letters), b.seq) % 100; {
		case h < 2:
			copies = 0
		case h < 6:
			copies = 2
		}
	}
	for n := range copies {
		b.seq++
		l := &letter{seq: b.seq, queue: queue, id: id, data: slices.Clone(data), notBefore: b.w.now}
		if h := hash(id, n, b.seq); b.w.troubles > 0 && h%8 == 0 {
			l.notBefore = b.w.now.Add(time.Duration(h>>8) % maxDelay)
		}
		b.letters = append(b.letters, l)
	}
	if copies == 0 {
		b.w.note("message %s is LOST", id)
	}
}

func hash(id string, n, m int) uint64 {
	h := uint64(14695981039346656037) + uint64(n)*1000003 + uint64(m)*10007
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return (h ^ h>>29) * 0x9E3779B97F4A7C15 >> 8
}

func (b *broker) drop(l *letter) {
	b.letters = slices.DeleteFunc(b.letters, func(o *letter) bool { return o == l })
}

// again gives a message back to its queue.
func (b *broker) again(l *letter, delay time.Duration) {
	l.holder = nil
	l.notBefore = b.w.now.Add(delay)
}

// orphan gives back what a dead process was handling.
func (b *broker) orphan(p *process) {
	for _, l := range b.letters {
		if l.holder == p {
			b.again(l, b.w.upTo(ackWait))
		}
	}
}

// settle acknowledges what was handled since the last quiet point.
func (b *broker) settle() {
	b.w.mu.Lock()
	done := b.done
	b.done = nil
	b.w.mu.Unlock()
	slices.SortStableFunc(done, func(x, y handled) int { return x.l.seq - y.l.seq })
	for _, h := range done {
		switch {
		case h.p.dead.Load():
		case h.err == nil:
			b.acknowledge(h.l)
		case h.l.holder == h.p:
			b.again(h.l, min(50*time.Millisecond<<min(h.l.deliveries, 10), 5*time.Second))
		}
	}
	for _, l := range b.letters {
		if l.holder != nil && l.holder.m.frozen.After(b.w.now) && b.w.now.Sub(l.since) > ackWait {
			b.again(l, 0)
		}
	}
}

func (b *broker) acknowledge(l *letter) {
	b.drop(l)
	b.w.check.acknowledged(l)
}

func (b *broker) choices() []choice {
	var all []choice
	for _, l := range b.letters {
		if l.holder != nil || l.notBefore.After(b.w.now) {
			continue
		}
		name := fmt.Sprintf("deliver #%d %s", l.seq, l.id)
		if l.queue != operation.ResultsQueue {
			for _, a := range b.w.agents {
				if a.address.TaskQueue() == l.queue && a.mayTake() {
					all = append(all, choice{name + " to " + string(a.address), func() { a.take(l) }})
				}
			}
			continue
		}
		for _, m := range b.w.managers {
			if !m.isRunning() {
				continue
			}
			for _, r := range m.process.receivers {
				if r.queue == l.queue && r.free > 0 {
					all = append(all, choice{name + " to " + m.process.name, func() { b.deliver(l, r) }})
				}
			}
		}
	}
	return all
}

func (b *broker) deliver(l *letter, r *receiver) {
	l.deliveries++
	l.holder, l.since = r.p, b.w.now
	b.w.moved = b.w.now
	if b.w.opt.Plant == PlantEarlyAck {
		b.acknowledge(l)
	}
	r.free--
	r.inbox <- l
}

func (b *broker) instants(earlier func(time.Time)) {
	for _, l := range b.letters {
		if l.holder == nil {
			earlier(l.notBefore)
		}
	}
}

// String lists the messages under way.
func (b *broker) String() string {
	var out []string
	for _, l := range b.letters {
		out = append(out, fmt.Sprintf("message %s, delivered %d times, held %v", l.id, l.deliveries, l.holder != nil))
	}
	return strings.Join(out, "\n")
}

// port is the bus as a process sees it.
type port struct{ p *process }

var _ bus.Bus = port{}

// receiver hands the messages of a queue to a process.
type receiver struct {
	p     *process
	queue string
	free  int
	inbox chan *letter
}

// watcher hands notifications of a topic to a process, in their order.
type watcher struct {
	topic string
	notes []string
	inbox chan []byte
}

func (v *watcher) next() {
	data := v.notes[0]
	v.notes = v.notes[1:]
	v.inbox <- []byte(data)
}

// Send sends after the scheduler let it.
func (b port) Send(ctx context.Context, queue, id string, data []byte) error {
	v := b.p.park("send "+id, fail, torn, dieBefore, dieAfter)
	w := b.p.m.w
	switch {
	case b.p.dead.Load():
		return errDead
	case v == fail:
		return errBroker
	case ctx.Err() != nil:
		return ctx.Err()
	case w.losesSend(b.p, id):
		return nil
	}
	w.broker.send(queue, id, data)
	switch v {
	case dieAfter:
		b.p.dead.Store(true)
		return errDead
	case torn:
		return errBroker
	}
	return nil
}

// Receive hands messages that the scheduler delivers to handle.
func (b port) Receive(ctx context.Context, queue string, opt bus.ReceiveOptions, handle func(context.Context, bus.Message) error) error {
	r := &receiver{p: b.p, queue: queue, free: opt.Slots, inbox: make(chan *letter, opt.Slots)}
	w := b.p.m.w
	w.mu.Lock()
	b.p.receivers = append(b.p.receivers, r)
	w.mu.Unlock()
	finished := make(chan struct{}, opt.Slots)
	running := 0
	defer func() {
		for range running {
			<-finished
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-finished:
			running--
		case l := <-r.inbox:
			running++
			go func() {
				err := handle(ctx, bus.Message{ID: l.id, Data: l.data, Deliveries: l.deliveries})
				w.mu.Lock()
				w.broker.done = append(w.broker.done, handled{l, b.p, err})
				r.free++
				w.mu.Unlock()
				finished <- struct{}{}
			}()
		}
	}
}

// Notify leaves a note for everybody who watches.
func (b port) Notify(topic string, data []byte) error {
	switch w := b.p.m.w; {
	case b.p.dead.Load():
	case topic == operation.CancelTopic:
		w.announce(data)
	default:
		w.notify(topic, string(data))
	}
	return nil
}

// announce lets the agents hear of a kill, if they are up and the notification is not lost.
func (w *world) announce(data []byte) {
	c, err := operation.DecodeCancel(data)
	if err != nil {
		w.broke("a request to kill cannot be read: %v", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.agents {
		if a.up && (w.troubles == 0 || hash(string(data)+string(a.address), int(w.now.Unix()), 0)%3 > 0) {
			a.cancels = append(a.cancels, c)
		}
	}
}

func (w *world) notify(topic, data string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.managers {
		if m.process == nil || w.troubles > 0 && hash(data, len(w.log), m.boots)%5 == 0 {
			continue
		}
		for _, v := range m.process.watchers {
			if v.topic == topic {
				v.notes = append(v.notes, data)
			}
		}
	}
}

// Watch hands over notifications that the scheduler delivers.
func (b port) Watch(ctx context.Context, topic string, handle func([]byte)) error {
	v := &watcher{topic: topic, inbox: make(chan []byte, 1)}
	b.p.m.w.mu.Lock()
	b.p.watchers = append(b.p.watchers, v)
	b.p.m.w.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case data := <-v.inbox:
			handle(data)
		}
	}
}

// Request asks a host agent, and waits until it is up. When outcomes may depend on faults it finds nobody now and then.
func (b port) Request(ctx context.Context, topic string, _ []byte) ([]byte, error) {
	if b.p.dead.Load() {
		return nil, errDead
	}
	w := b.p.m.w
	c := &call{key: "ping " + topic, answer: make(chan verdict, 1), ripe: func() bool {
		return slices.ContainsFunc(w.agents, func(a *agent) bool { return a.address.PingTopic() == topic && a.up })
	}}
	if !w.isTransient {
		c.verdicts = []verdict{fail}
	}
	w.mu.Lock()
	b.p.parked = append(b.p.parked, c)
	w.mu.Unlock()
	select {
	case v := <-c.answer:
		if v != proceed {
			return nil, errNobody
		}
		return []byte("{}"), nil
	case <-ctx.Done():
		w.mu.Lock()
		b.p.parked = slices.DeleteFunc(b.p.parked, func(o *call) bool { return o == c })
		w.mu.Unlock()
		return nil, ctx.Err()
	}
}

// Serve waits for requests that never come.
func (b port) Serve(ctx context.Context, _ string, _ func([]byte) []byte) error {
	<-ctx.Done()
	return nil
}
