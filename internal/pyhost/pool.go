package pyhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

const (
	// maxZygotes bounds the warm processes; each holds about 50 MB, most of it shared with its forks.
	maxZygotes = 8
	// idleLimit is how long a zygote is kept without work.
	idleLimit = 5 * time.Minute
	// coldFor is how long an environment whose zygote could not be started runs cold before it is tried again.
	coldFor = 5 * time.Minute
)

// pool keeps the zygotes by what they serve, and under no name the bare one, from which programs are started. It is safe for concurrent use.
type pool struct {
	h *Host

	mu      sync.Mutex
	zygotes map[string]*zygote
	// starting are names of zygotes that somebody starts right now.
	starting map[string]chan struct{}
	// coldUntil are names of zygotes that could not be started.
	coldUntil map[string]time.Time
	isClosed  bool
	log       *os.File
	// ends are the zygotes that are being ended.
	ends sync.WaitGroup
}

const bare = ""

func (p *pool) init(h *Host) {
	p.h, p.zygotes, p.starting, p.coldUntil = h, map[string]*zygote{}, map[string]chan struct{}{}, map[string]time.Time{}
}

// nameOf is the name of the zygote of an environment for operations or for workflows.
func nameOf(dir, mode string) string { return mode + " " + dir }

// warm returns a zygote of the environment, nil when it has to run cold.
func (p *pool) warm(ctx context.Context, e *environment, mode string) (*zygote, error) {
	name := nameOf(e.dir, mode)
	if p.h.o.Cold || p.isCold(name) {
		return nil, nil
	}
	z, err := p.get(ctx, name, func() (*zygote, error) { return p.start(ctx, e.interpreter, mode, zygoteEnv(p.h.o.Base.Env, e)) })
	var broken *errBroken
	if errors.As(err, &broken) {
		p.h.log.Warn("an environment runs without a warm process", "environment", e.dir, "error", err)
		p.mu.Lock()
		p.coldUntil[name] = p.h.o.Clock.Now().Add(coldFor)
		p.mu.Unlock()
		return nil, nil
	}
	return z, err
}

func (p *pool) isCold(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.h.o.Clock.Now().Before(p.coldUntil[name])
}

// launcher returns the zygote that starts programs.
func (p *pool) launcher(ctx context.Context, interpreter string) (*zygote, error) {
	return p.get(ctx, bare, func() (*zygote, error) { return p.start(ctx, interpreter, modeBare, p.h.o.Base.Env) })
}

// get returns the zygote of a name that can take one more launch, and starts it when there is none.
func (p *pool) get(ctx context.Context, name string, start func() (*zygote, error)) (*zygote, error) {
	for {
		p.mu.Lock()
		if p.isClosed {
			p.mu.Unlock()
			return nil, errGone
		}
		p.tidy()
		if z := p.zygotes[name]; z != nil && z.alive() && z.forks < maxForks {
			z.forks++
			z.used = p.h.o.Clock.Now()
			p.mu.Unlock()
			return z, nil
		}
		if other := p.starting[name]; other != nil {
			p.mu.Unlock()
			select {
			case <-other:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		done := make(chan struct{})
		p.starting[name] = done
		p.mu.Unlock()
		err := p.add(name, start)
		close(done)
		if err != nil {
			return nil, err
		}
	}
}

// add starts a zygote and keeps it. Its predecessor ends when its last operation has.
func (p *pool) add(name string, start func() (*zygote, error)) error {
	z, err := start()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.starting, name)
	if err != nil {
		return err
	}
	if p.isClosed {
		p.mu.Unlock()
		z.end()
		p.mu.Lock()
		return errGone
	}
	if old := p.zygotes[name]; old != nil {
		p.zygotes[fmt.Sprintf("%s retired %p", name, old)] = old
		old.forks = maxForks
	}
	z.used = p.h.o.Clock.Now()
	p.zygotes[name] = z
	return nil
}

// tidy ends zygotes that are not needed: dead, worn out, idle for long, and the longest unused ones above the limit. One
// with running operations is left alone. mu is held.
func (p *pool) tidy() {
	now := p.h.o.Clock.Now()
	for name, z := range p.zygotes {
		switch {
		case !z.alive():
			delete(p.zygotes, name)
		case z.busy() > 0:
		case z.forks >= maxForks || name != bare && now.Sub(z.used) > idleLimit:
			delete(p.zygotes, name)
			p.ends.Go(z.end)
		}
	}
	for len(p.zygotes) > maxZygotes {
		oldest := ""
		for name, z := range p.zygotes {
			if name != bare && z.busy() == 0 && (oldest == "" || z.used.Before(p.zygotes[oldest].used)) {
				oldest = name
			}
		}
		if oldest == "" {
			return
		}
		z := p.zygotes[oldest]
		delete(p.zygotes, oldest)
		p.ends.Go(z.end)
	}
}

// retire makes the zygotes of an environment end as soon as they have nothing to do, because the environment changes.
func (p *pool) retire(dir string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, mode := range []string{modeWarm, modeFlow} {
		name := nameOf(dir, mode)
		delete(p.coldUntil, name)
		if z := p.zygotes[name]; z != nil {
			z.forks = maxForks
			delete(p.zygotes, name)
			p.zygotes[fmt.Sprintf("%s retired %p", name, z)] = z
		}
	}
}

// close ends all zygotes with everything that they started.
func (p *pool) close() {
	p.mu.Lock()
	p.isClosed = true
	zygotes := p.zygotes
	p.zygotes = map[string]*zygote{}
	log := p.log
	p.mu.Unlock()
	for _, z := range zygotes {
		p.ends.Go(z.end)
	}
	p.ends.Wait()
	if log != nil {
		// What was written is written.
		_ = log.Close()
	}
}

func (p *pool) start(ctx context.Context, interpreter, mode string, env []string) (*zygote, error) {
	log, err := p.output()
	if err != nil {
		return nil, err
	}
	return startZygote(ctx, p.h.o.Clock, interpreter, zygoteScript(p.h.dispatchDir()), mode, p.h.cwd(), env, log)
}

// output is where zygotes write what goes wrong with them.
func (p *pool) output() (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log != nil {
		return p.log, nil
	}
	f, err := os.OpenFile(filepath.Join(p.h.logDir(), "python.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the log of Python: %w", err)
	}
	p.log = f
	return f, nil
}

// watch tidies up now and then until ctx ends.
func (p *pool) watch(ctx context.Context, c clock.Clock) {
	for {
		timer := c.NewTimer(idleLimit / 5)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
		p.mu.Lock()
		p.tidy()
		p.mu.Unlock()
	}
}
