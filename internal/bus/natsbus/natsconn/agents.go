package natsconn

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Agent is what the manager's side knows of a host agent that connects.
type Agent struct {
	// Name identifies the agent; it is the user name of its account.
	Name string
	// Queue is the work queue that it takes messages from.
	Queue string
	// Serves are the topics on which it answers requests.
	Serves []string
}

// Allowed are the subjects that an agent may use.
type Allowed struct{ Publish, Subscribe []string }

// Allowed returns the subjects of the agent; see agent.go.
func (a Agent) Allowed() Allowed {
	own, queue := token(a.Name), token(a.Queue)
	allowed := Allowed{
		Publish: []string{
			"$JS.API.CONSUMER.INFO." + streamName + "." + queue,
			"$JS.API.CONSUMER.MSG.NEXT." + streamName + "." + queue,
			"$JS.ACK." + streamName + "." + queue + ".>",
			upPrefix + own,
		},
		Subscribe: []string{inboxPrefix + own + ".>", downPrefix + own + ".>"},
	}
	for _, topic := range a.Serves {
		allowed.Subscribe = append(allowed.Subscribe, servicePrefix+token(topic))
	}
	return allowed
}

// EnsureQueue makes what an agent needs to receive from its queue.
func (b *Bus) EnsureQueue(ctx context.Context, queue string) error {
	_, err := b.makeConsumer(ctx, queue, defaultAckWait)
	return err
}

// RenewQueue delivers again at once what an agent had taken from its queue and not finished.
func (b *Bus) RenewQueue(ctx context.Context, queue string) error {
	err := b.js.DeleteConsumer(ctx, streamName, token(queue))
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("renew queue %s: %w", queue, err)
	}
	return b.EnsureQueue(ctx, queue)
}

// DropQueue forgets a queue with all that waits in it. One that does not exist is no error.
func (b *Bus) DropQueue(ctx context.Context, queue string) error {
	stream, err := b.js.Stream(ctx, streamName)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", streamName, err)
	}
	// A consumer that does not exist has nothing to be forgotten.
	_ = stream.DeleteConsumer(ctx, token(queue))
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(queuePrefix+token(queue))); err != nil {
		return fmt.Errorf("empty queue %s: %w", queue, err)
	}
	return nil
}

// NotifyAgent sends data to one agent that watches the topic.
func (b *Bus) NotifyAgent(agent, topic string, data []byte) error {
	if err := b.conn.Publish(downPrefix+token(agent)+"."+token(topic), data); err != nil {
		return fmt.Errorf("notify %s of agent %s: %w", topic, agent, err)
	}
	return nil
}

// Up is what an agent sends to a queue, or to a topic when Topic is set.
type Up struct {
	Agent        string
	Queue, Topic string
	ID           string
	Data         []byte
	// IsFresh says that the agent was started and has nothing of what was delivered before; nothing else is set then.
	IsFresh bool
}

// ErrAgain is for what cannot be taken from an agent now; the agent sends it again.
var ErrAgain = errors.New("try again")

// upWorkers is how many messages of agents are taken at the same time.
const upWorkers = 16

// TakeUp hands what agents send to take until ctx ends. The agent gets the error as its answer: one that is ErrAgain makes
// it repeat the message, any other one ends it.
func (b *Bus) TakeUp(ctx context.Context, take func(context.Context, Up) error) error {
	inbox := make(chan *nats.Msg, subscriptionBuffer)
	var workers sync.WaitGroup
	defer workers.Wait()
	for range upWorkers {
		workers.Go(func() {
			for m := range inbox {
				b.takeUp(ctx, m, take)
			}
		})
	}
	defer close(inbox)
	return b.subscribe(ctx, upPrefix+"*", "take from agents", func(m *nats.Msg) {
		select {
		case inbox <- m:
		case <-ctx.Done():
		}
	})
}

func (b *Bus) takeUp(ctx context.Context, m *nats.Msg, take func(context.Context, Up) error) {
	up := Up{Agent: name(m.Subject[len(upPrefix):]), ID: m.Header.Get(idHeader), Data: m.Data,
		Queue: name(m.Header.Get(queueHeader)), Topic: name(m.Header.Get(topicHeader)), IsFresh: m.Header.Get(freshHeader) != ""}
	err := take(ctx, up)
	if m.Reply == "" {
		return
	}
	answer := nats.NewMsg(m.Reply)
	if err != nil {
		answer.Data = []byte(err.Error())
		if errors.Is(err, ErrAgain) || ctx.Err() != nil {
			answer.Header.Set("Retry", "true")
		}
	}
	if err := m.RespondMsg(answer); err != nil {
		b.log.Warn("answer an agent", "agent", up.Agent, "error", err)
	}
}
