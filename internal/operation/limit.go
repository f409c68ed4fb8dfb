package operation

import (
	"fmt"
	"strconv"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// Limit is how long the operation may run; 0 is for ever.
func (c *Context) Limit() time.Duration {
	if c.Timeout == nil || !(*c.Timeout > 0) {
		return 0
	}
	return time.Duration(min(*c.Timeout, 1e9) * float64(time.Second))
}

// TimedOut is the error of the operation when it ran longer than its Limit, which must not be 0 (operations, section 2).
func (c *Context) TimedOut() *model.TaskError {
	message := fmt.Sprintf("Process killed due to timeout of %s seconds", strconv.FormatFloat(*c.Timeout, 'f', -1, 64))
	if c.TimeoutRecoverable != nil && *c.TimeoutRecoverable {
		return Recoverable(message, nil)
	}
	return NonRecoverable("%s", message)
}
