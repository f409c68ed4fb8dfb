// Package server is the composition root: it builds every part of a manager from its options and runs them until it is
// told to stop. It is the only package that knows all others.
//
// It decides nothing: New and Run read top to bottom. Invariants: one manager per data directory (a lock file says so);
// parts start in the order of their dependencies and stop in the reverse order; Run returns after all of them have ended.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/v31"
	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/blob/fs"
	"github.com/reifyhq/reify/internal/bus/natsbus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fileserver"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store/sqlite"
	"github.com/reifyhq/reify/internal/workflow"

	"github.com/google/uuid"
)
