package sim

import (
	"time"
)

// The bugs that can be planted, to see that the simulation finds them.
const (
	// PlantNoFence lets writes pass that do not own their execution.
	PlantNoFence = "no-fence"
	// PlantLostSend loses what is sent after a commit, and again every time.
	PlantLostSend = "lost-send"
	// PlantEarlyAck acknowledges a report before its commit.
	PlantEarlyAck = "early-ack"
	// PlantNoResend sends nothing again that an earlier process had sent.
	PlantNoResend = "no-resend"
	// PlantMuteJournal lets the agent's journal give no answer.
	PlantMuteJournal = "mute-journal"
)

// Plants lists the bugs that can be planted.
var Plants = []string{PlantNoFence, PlantLostSend, PlantEarlyAck, PlantNoResend, PlantMuteJournal}

// losesSend reports whether a planted bug swallows a message.
func (w *world) losesSend(p *process, id string) bool {
	switch w.opt.Plant {
	case PlantLostSend:
		return hash(id, 0, 0)%50 == 0
	case PlantNoResend:
		w.mu.Lock()
		defer w.mu.Unlock()
		first, again := w.check.sentBy[id]
		if !again {
			w.check.sentBy[id] = p.name
		}
		return again && first != p.name
	}
	return false
}

// fate decides what becomes of a call.
func (w *world) fate(c *call) verdict {
	if w.troubles == 0 || !w.chance(1, 60) {
		return proceed
	}
	w.troubles--
	if len(c.verdicts) == 0 {
		return proceed
	}
	return c.verdicts[w.rng.IntN(len(c.verdicts))]
}

// trouble lets something break now and then; it reports whether it did.
func (w *world) trouble() bool {
	if w.troubles == 0 || !w.chance(1, 250) {
		return false
	}
	w.troubles--
	m := w.managers[w.rng.IntN(len(w.managers))]
	switch w.rng.IntN(8) {
	case 0:
		w.note("TROUBLE: %s crashes", m.name)
		m.crash()
	case 1, 2:
		w.freeze(m)
	case 3:
		w.mu.Lock()
		m.skew += w.upTo(2*time.Minute) - time.Minute
		w.mu.Unlock()
		w.note("TROUBLE: the clock of %s jumps, it is off by %v", m.name, m.skew)
	case 4, 5:
		lost := w.chance(1, 3)
		a := w.agents[w.rng.IntN(len(w.agents))]
		w.note("TROUBLE: %s crashes, its journal is lost: %v", a.address, lost)
		a.crash(lost)
	case 6:
		w.note("TROUBLE: the broker loses everything")
		w.broker.loseAll()
	case 7:
		w.stall()
	}
	return true
}

// freeze stops a process for a while that does not know of it afterwards.
func (w *world) freeze(m *manager) {
	if m.process == nil || m.frozen.After(w.now) {
		return
	}
	m.frozen = w.now.Add(w.upTo(40 * time.Second))
	w.note("TROUBLE: %s is frozen until %v", m.name, m.frozen.Sub(dawn))
}

// stall lets time pass while calls are under way.
func (w *world) stall() {
	d := w.upTo(15 * time.Second)
	w.note("TROUBLE: everything is slow for %v", d)
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
}

// loseAll is the loss of the broker's storage.
func (b *broker) loseAll() {
	kept := b.letters[:0]
	for _, l := range b.letters {
		if l.holder != nil {
			kept = append(kept, l)
		}
	}
	b.letters = kept
	clear(b.seen)
}
