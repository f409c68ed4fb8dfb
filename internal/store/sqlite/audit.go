package sqlite

import (
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// auditOrders maps what the audit log may be sorted by to columns.
var auditOrders = map[string]string{
	"id": "seq", "ref_table": "noun", "ref_id": "row", "operation": "operation", "creator_name": "user",
	"execution_id": "execution", "created_at": "created_at",
}

const auditColumns = "seq, created_at, user, execution, noun, row, identifier, operation, refused, method, path, status, " +
	"auth_method, tenant, client, request"

func scanAuditRecord(r *row) *model.AuditRecord {
	a := &model.AuditRecord{ID: r.number(), CreatedAt: r.instant(), User: model.UserName(r.text()), Execution: model.ExecutionID(r.text()),
		Noun: r.text(), Row: r.number()}
	r.document(&a.Identifier)
	a.Operation, a.IsRefused, a.Method, a.Path = model.AuditOperation(r.text()), r.flag(), r.text(), r.text()
	a.Status, a.AuthMethod, a.Tenant = r.integer(), r.text(), model.TenantName(r.text())
	a.Client, a.Request = r.text(), r.text()
	return a
}

// auditConditions are those that deleting and listing share.
func auditConditions(q store.AuditQuery) (c conditions) {
	if q.User != "" {
		c.add("user = ?", string(q.User))
	}
	if q.Execution != "" {
		c.add("execution = ? AND execution <> ''", string(q.Execution))
	}
	if !q.Since.IsZero() {
		c.add("created_at >= ?", q.Since.UnixMicro())
	}
	if !q.Before.IsZero() {
		c.add("created_at < ?", q.Before.UnixMicro())
	}
	return c
}

func (c conditions) clause() string {
	if len(c.where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.where, " AND ")
}

func (r *reader) AuditRecords(q store.AuditQuery) (p store.Page[*model.AuditRecord], err error) {
	c := auditConditions(q)
	if !q.WithRefused {
		c.add("refused = 0")
	}
	order, err := auditOrder(q)
	if err != nil {
		return p, err
	}
	if q.After > 0 {
		c.add("seq > ?", q.After)
	}
	if _, err := r.c.one(r.ctx, "SELECT count(*) FROM audit_records"+c.clause(), func(r *row) { p.Total = r.integer() }, c.args...); err != nil {
		return p, fmt.Errorf("count audit records: %w", err)
	}
	if q.Limit == 0 {
		return p, nil
	}
	args := append(append([]driver.Value{}, c.args...), int64(q.Limit), int64(max(q.Offset, 0)))
	p.Items, err = all(r, "SELECT "+auditColumns+" FROM audit_records"+c.clause()+" ORDER BY "+order+" LIMIT ? OFFSET ?", scanAuditRecord, args...)
	return p, err
}

// auditOrder is the ORDER BY of a query: what was asked for, then the id in the same direction.
func auditOrder(q store.AuditQuery) (string, error) {
	if q.After > 0 {
		return "seq", nil
	}
	var terms []string
	direction := ""
	for _, o := range q.Sort {
		column, ok := auditOrders[o.Field]
		if !ok {
			return "", fault.New(fault.BadParameters, "the audit log cannot be sorted by `%s`", o.Field)
		}
		direction = ""
		if o.Desc {
			direction = " DESC"
		}
		terms = append(terms, column+direction)
	}
	return strings.Join(append(terms, "seq"+direction), ", "), nil
}

func (r *reader) LastAuditRecord() (last int64, err error) {
	_, err = r.c.one(r.ctx, "SELECT coalesce(max(seq), 0) FROM audit_records", func(r *row) { last = r.number() })
	return last, err
}

func (t *tx) InsertAuditRecords(records []*model.AuditRecord) error {
	for _, a := range records {
		v := &values{}
		v.instant(a.CreatedAt)
		v.text(string(a.User), string(a.Execution), a.Noun)
		v.list = append(v.list, a.Row)
		v.document(a.Identifier != nil, a.Identifier)
		v.text(string(a.Operation))
		v.flag(a.IsRefused)
		v.text(a.Method, a.Path)
		v.integer(a.Status)
		v.text(a.AuthMethod, string(a.Tenant), a.Client, a.Request)
		if v.err != nil {
			return v.err
		}
		seq, err := t.c.insert(t.ctx, "INSERT INTO audit_records (created_at, user, execution, noun, row, identifier, operation, "+
			"refused, method, path, status, auth_method, tenant, client, request) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", v.list...)
		if err != nil {
			return fmt.Errorf("insert audit record: %w", err)
		}
		a.ID = seq
	}
	return nil
}

func (t *tx) DeleteAuditRecords(q store.AuditQuery) (int, error) {
	c := auditConditions(q)
	n, err := t.c.exec(t.ctx, "DELETE FROM audit_records"+c.clause(), c.args...)
	if err != nil {
		return 0, fmt.Errorf("delete audit records: %w", err)
	}
	return n, nil
}
