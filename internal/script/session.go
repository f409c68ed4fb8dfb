package script

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script/pytext"
)

const (
	timestampFormat = "2006-01-02T15:04:05.000Z"
	onlyOnce        = "ctx may only abort or return once"
)

// session is the state of one running operation: what its ctx shows and what it decided. mu guards everything that
// calls from the script reach; ctx is the life of the operation.
type session struct {
	req     *Request
	c       *operation.Context
	manager Manager
	ctx     context.Context
	// proxyURL is where scripts reach this session, set before any of them runs.
	proxyURL string

	mu sync.Mutex
	// closed is set when the script has ended: calls that are still on their way change nothing any more.
	closed    bool
	root      *object
	nodes     map[model.NodeID]*model.Node
	instances map[model.InstanceID]*instance
	outcome   outcome
}

// outcome is what the operation said about its own end.
type outcome struct {
	decided bool
	illegal bool
	value   any
	// stop is set by abort_operation and retry_operation.
	stop *model.TaskError
	// retry is set by operation.retry, which does not stop the operation.
	retry *model.TaskError
	// reported is set when a Python script told its end, failure with its error.
	reported bool
	failure  *model.TaskError
}

// instance is a node instance as the operation sees it, read at first use.
type instance struct {
	id         model.InstanceID
	node       model.NodeID
	refuse     string
	loaded     *model.NodeInstance
	properties *tracked
}

func newSession(ctx context.Context, req *Request) *session {
	s := &session{
		req: req, c: &req.Message.Context, manager: req.Manager, ctx: ctx,
		nodes: map[model.NodeID]*model.Node{}, instances: map[model.InstanceID]*instance{},
	}
	if s.c.NodeID != "" {
		s.instances[s.c.NodeID] = &instance{id: s.c.NodeID, node: s.c.NodeName}
	}
	if s.c.Related != nil {
		s.instances[s.c.Related.NodeID] = &instance{id: s.c.Related.NodeID, node: s.c.Related.NodeName}
	}
	s.root = s.rootObject()
	return s
}

// kind is ctx.type.
func (s *session) kind() string {
	switch {
	case s.c.Related != nil:
		return "relationship-instance"
	case s.c.NodeID != "":
		return "node-instance"
	}
	return "deployment"
}

func (s *session) sides() (source, target *instance) {
	own, related := s.instances[s.c.NodeID], s.instances[s.c.Related.NodeID]
	if s.c.Related.IsTarget {
		return own, related
	}
	return related, own
}

func (s *session) loadNode(id model.NodeID, self model.InstanceID) (*model.Node, error) {
	if n := s.nodes[id]; n != nil {
		return n, nil
	}
	n, err := s.manager.Node(s.ctx, s.c.DeploymentID, id, self)
	if err != nil {
		return nil, clientError(err, "read node %s", id)
	}
	s.nodes[id] = n
	return n, nil
}

func (s *session) loadInstance(i *instance) (*model.NodeInstance, error) {
	if i.loaded != nil {
		return i.loaded, nil
	}
	loaded, err := s.manager.NodeInstance(s.ctx, i.id)
	if err != nil {
		return nil, clientError(err, "read node instance %s", i.id)
	}
	i.loaded = loaded
	i.properties = &tracked{values: maps.Clone(map[string]any(loaded.RuntimeProperties)), refuse: i.refuse}
	if i.properties.values == nil {
		i.properties.values = map[string]any{}
	}
	return loaded, nil
}

// save stores the runtime properties when they were changed; the next use reads them again.
func (s *session) save(ctx context.Context, i *instance) error {
	if i.loaded == nil || !i.properties.dirty {
		return nil
	}
	err := s.manager.UpdateNodeInstance(ctx, i.id, i.loaded.Version, i.properties.values, i.loaded.State)
	if err != nil {
		return clientError(err, "save runtime properties of %s", i.id)
	}
	i.loaded, i.properties = nil, nil
	return nil
}

// saveAll stores what the operation left changed: the instance, or the source before the target.
func (s *session) saveAll(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.kind() {
	case "node-instance":
		return s.save(ctx, s.instances[s.c.NodeID])
	case "relationship-instance":
		source, target := s.sides()
		if err := s.save(ctx, source); err != nil {
			return err
		}
		return s.save(ctx, target)
	}
	return nil
}

// clientError names an error of the manager as the Python REST client does.
func clientError(err error, format string, args ...any) error {
	switch fault.CodeOf(err) {
	case fault.Conflict:
		return &Exception{"CloudifyClientError", "409: " + err.Error()}
	case fault.NotFound:
		return &Exception{"CloudifyClientError", "404: " + err.Error()}
	}
	return &Exception{"CloudifyClientError", fmt.Sprintf(format, args...) + ": " + err.Error()}
}

// log sends a log line.
func (s *session) log(level, text string) {
	s.req.Emit(Record{
		Context: ContextOf(s.c), Logger: "ctx." + string(s.c.TaskID), Level: level,
		Message: RecordMessage{Text: text}, Timestamp: s.req.Clock.Now().Format(timestampFormat), Type: model.KindLog,
	})
}

func (s *session) logf(level, format string, args ...any) { s.log(level, fmt.Sprintf(format, args...)) }

func (s *session) sendEvent(text string) {
	s.req.Emit(Record{
		Context: ContextOf(s.c), EventType: model.EventPlugin, Message: RecordMessage{Text: text},
		Timestamp: s.req.Clock.Now().Format(timestampFormat), Type: model.KindEvent,
	})
}

// decide notes that the operation returned, aborted or asked for a retry, which it may do once.
func (s *session) decide() error {
	if s.outcome.decided {
		s.outcome.illegal = true
		return runtimeError(onlyOnce)
	}
	s.outcome.decided = true
	return nil
}

func (s *session) returns(args []any, kwargs map[string]any) (any, error) {
	var value any
	switch {
	case len(args) > 1:
		return nil, typeError("returns() takes 1 argument (%d given)", len(args))
	case len(args) == 1:
		value = args[0]
	case len(kwargs) > 0:
		value = kwargs
	}
	if err := s.decide(); err != nil {
		return nil, err
	}
	s.outcome.value = value
	return nil, nil
}

func (s *session) abort(args []any, kwargs map[string]any) (any, error) {
	bound, err := bind("abort_operation", args, kwargs, "message")
	if err != nil {
		return nil, err
	}
	if err := s.decide(); err != nil {
		return nil, err
	}
	s.outcome.stop = operation.NonRecoverable("%s", optionalText(bound["message"]))
	return nil, &stopped{s.outcome.stop.Message}
}

func (s *session) retryOperation(args []any, kwargs map[string]any) (any, error) {
	bound, err := bind("retry_operation", args, kwargs, "message", "retry_after")
	if err != nil {
		return nil, err
	}
	if err := s.decide(); err != nil {
		return nil, err
	}
	s.outcome.stop = operation.Retry(optionalText(bound["message"]), operation.Seconds(bound["retry_after"]))
	return nil, &stopped{s.outcome.stop.Message}
}

func (s *session) retry(args []any, kwargs map[string]any) (any, error) {
	bound, err := bind("retry", args, kwargs, "message", "retry_after")
	if err != nil {
		return nil, err
	}
	s.outcome.retry = operation.Retry(optionalText(bound["message"]), operation.Seconds(bound["retry_after"]))
	return nil, nil
}

// stopped is the answer to a call that ends the script.
type stopped struct{ message string }

func (e *stopped) Error() string { return e.message }

func optionalText(v any) string {
	if v == nil {
		return ""
	}
	return pytext.Str(v)
}

// logCall is a method of ctx.logger: the text with the arguments put in for its % verbs.
func (s *session) logCall(level string) func() (any, error) {
	return attr(function(func(args []any, kwargs map[string]any) (any, error) {
		if len(args) == 0 {
			return nil, typeError("%s() missing 1 required positional argument: 'msg'", level)
		}
		s.log(level, percent(pytext.Str(args[0]), args[1:]))
		return nil, nil
	}))
}

// percent is Python's % operator for %s, %d and %r; with no arguments the text stays as it is.
func percent(format string, args []any) string {
	if len(args) == 0 {
		return format
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch verb := format[i]; {
		case verb == '%':
			b.WriteByte('%')
		case strings.IndexByte("sdifr", verb) >= 0 && len(args) > 0:
			if verb == 'r' {
				b.WriteString(pytext.Repr(args[0]))
			} else {
				b.WriteString(pytext.Str(args[0]))
			}
			args = args[1:]
		default:
			b.WriteByte('%')
			b.WriteByte(verb)
		}
	}
	return b.String()
}
