package upkeep

import (
	"context"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// AuditQuery selects audit records; transports fill it in.
type AuditQuery = store.AuditQuery

const (
	// mostPending is how many records may wait to be written before who records has to write them.
	mostPending = 1024
	// followBatch is how many records a follower reads at once.
	followBatch = 500
	// pruneEvery is how often old records are removed.
	pruneEvery = time.Hour
)

// Run writes what Record collects until ctx ends, and removes records that are older than retention, if that is not 0. It
// returns after everything was written.
func (s *Service) Run(ctx context.Context, retention time.Duration) error {
	defer s.end(context.WithoutCancel(ctx))
	for {
		if err := s.prune(ctx, retention); err != nil && ctx.Err() == nil {
			s.Log.Error("remove old audit records", "error", err)
		}
		timer := s.Clock.NewTimer(pruneEvery)
		for due := false; !due; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-s.work:
				s.flush(context.WithoutCancel(ctx))
			case <-timer.C():
				due = true
			}
		}
	}
}

// end lets followers go and writes what is left; from now on Record writes by itself.
func (s *Service) end(ctx context.Context) {
	s.mu.Lock()
	s.isOver = true
	s.mu.Unlock()
	close(s.over)
	s.flush(ctx)
}

func (s *Service) prune(ctx context.Context, retention time.Duration) error {
	if retention <= 0 {
		return nil
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.DeleteAuditRecords(store.AuditQuery{Before: s.Clock.Now().Add(-retention)})
		return err
	})
}

// Record adds a record to the audit log. It returns before the record is written, unless too many wait.
func (s *Service) Record(ctx context.Context, r *model.AuditRecord) {
	r.CreatedAt = s.Clock.Now()
	s.mu.Lock()
	s.pending = append(s.pending, r)
	now := s.isOver || len(s.pending) >= mostPending
	s.mu.Unlock()
	if now {
		s.flush(context.WithoutCancel(ctx))
		return
	}
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// flush writes what is pending. When that fails it is kept for the next time.
func (s *Service) flush(ctx context.Context) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	batch := s.pending
	s.pending = nil
	s.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error { return tx.InsertAuditRecords(batch) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if len(s.pending) < 4*mostPending {
			s.pending = append(batch, s.pending...)
			batch = nil
		}
		s.Log.Error("write audit records", "error", err, "kept", len(s.pending), "lost", len(batch))
		return
	}
	close(s.news)
	s.news = make(chan struct{})
}

// AuditRecords lists the audit log.
func (s *Service) AuditRecords(ctx context.Context, a *service.Actor, q AuditQuery) (p store.Page[*model.AuditRecord], err error) {
	if err := a.Require("audit_log_view"); err != nil {
		return p, err
	}
	if !q.Since.IsZero() && !q.Before.IsZero() {
		return p, fault.New(fault.BadParameters, "give `since` or `before`, not both")
	}
	s.flush(ctx)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.AuditRecords(q)
		return err
	})
	return p, err
}

// Follow calls each with the records that the query selects, as they come, until ctx ends, each fails or the manager
// stops. Records from before the call are told only when the query says since when. started is called once, before the
// first record.
func (s *Service) Follow(ctx context.Context, a *service.Actor, q AuditQuery, started func(), each func(*model.AuditRecord) error) error {
	if err := a.Require("audit_log_view"); err != nil {
		return err
	}
	s.flush(ctx)
	if q.Since.IsZero() {
		err := s.Store.View(ctx, func(tx store.Reader) (err error) {
			q.After, err = tx.LastAuditRecord()
			return err
		})
		if err != nil {
			return err
		}
	}
	started()
	q.Limit, q.Offset, q.Sort = followBatch, 0, nil
	for {
		s.mu.Lock()
		news := s.news
		s.mu.Unlock()
		n := 0
		var page store.Page[*model.AuditRecord]
		err := s.Store.View(ctx, func(tx store.Reader) (err error) {
			page, err = tx.AuditRecords(q)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range page.Items {
			if err := each(r); err != nil {
				return err
			}
			q.After, n = r.ID, n+1
		}
		if n == followBatch {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.over:
			return nil
		case <-news:
		}
	}
}

// DeleteAuditRecords removes records from before an instant, of one user or execution when the query names them, and
// returns how many they were.
func (s *Service) DeleteAuditRecords(ctx context.Context, a *service.Actor, q AuditQuery) (n int, err error) {
	if err := a.Require("audit_log_truncate"); err != nil {
		return 0, err
	}
	s.flush(ctx)
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		n, err = tx.DeleteAuditRecords(q)
		return err
	})
	return n, err
}

// InjectAuditRecords appends records that were made elsewhere, with the instants they have.
func (s *Service) InjectAuditRecords(ctx context.Context, a *service.Actor, records []*model.AuditRecord) error {
	if err := a.Require("audit_log_inject"); err != nil {
		return err
	}
	now := s.Clock.Now()
	for _, r := range records {
		if r.CreatedAt.IsZero() {
			r.CreatedAt = now
		}
	}
	s.mu.Lock()
	s.pending = append(s.pending, records...)
	s.mu.Unlock()
	s.flush(ctx)
	return nil
}
