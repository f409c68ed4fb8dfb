// Package bus is the message seam: durable work queues between the engine and those who run operations, and best-effort
// notifications between the parts of a manager.
//
// The bus only carries; the database is the truth. A message may arrive twice, late or, when a broker's storage is lost,
// never: senders repeat what is overdue and receivers recognise repetitions. Nothing here knows what a message means.
//
// Implementations: bus/natsbus (embedded JetStream, or an external cluster) and bus/membus (in memory, for tests and
// simulation); bus/bustest is the suite that both pass.
package bus

import (
	"context"
	"time"
)

// Bus carries messages. All methods are safe for concurrent use.
type Bus interface {
	// Send puts data durably on a work queue. A second Send with the same id within two minutes is dropped silently.
	// A nil error means the broker has the message.
	Send(ctx context.Context, queue, id string, data []byte) error
	// Receive hands the messages of a queue to handle, at most opt.Slots at a time, until ctx ends; it then waits for the
	// running handlers. A message whose handler returns an error, or whose receiver dies, is delivered again.
	Receive(ctx context.Context, queue string, opt ReceiveOptions, handle func(context.Context, Message) error) error
	// Notify sends data to everybody who watches the topic now. It never blocks for receivers and may lose messages.
	Notify(topic string, data []byte) error
	// Watch calls handle for every notification on the topic, one at a time, until ctx ends.
	Watch(ctx context.Context, topic string, handle func(data []byte)) error
	// Request asks whoever serves the topic and returns the first answer; ctx bounds the wait.
	Request(ctx context.Context, topic string, data []byte) ([]byte, error)
	// Serve answers requests on the topic until ctx ends.
	Serve(ctx context.Context, topic string, answer func(data []byte) []byte) error
}

// ReceiveOptions say how a queue is consumed.
type ReceiveOptions struct {
	// Slots is the number of messages handled at the same time; at least 1.
	Slots int
	// AckWait is how long a receiver may be silent before its message is given to another; the implementation keeps
	// long-running handlers alive. Zero means 30 s.
	AckWait time.Duration
}

// Message is one delivery from a work queue.
type Message struct {
	ID   string
	Data []byte
	// Deliveries counts the deliveries of this message including this one, from 1.
	Deliveries int
}
