package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// documentSize is about how many bytes an entry or an item takes, so that a
// batch's are not moved while more of them come.
const documentSize = 384

// chunk is what one transaction appends to an account's ledger.
type chunk struct {
	account conversions.AccountID
	first   int64 // seq of its first entry
	count   int64
	uploads int // how many of them tell the fate of an upload
	entries []byte
	doc     []byte // of one entry
}

// newChunk begins a chunk behind what the ledger holds.
func newChunk(ctx context.Context, t tx, a conversions.AccountID) (*chunk, error) {
	c := &chunk{account: a}
	err := t.one(ctx, []any{&c.first}, `SELECT last + 1 FROM ledger ORDER BY seq DESC LIMIT 1`)
	if errors.Is(err, sql.ErrNoRows) {
		c.first, err = 1, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read end of ledger: %w", err)
	}
	return c, nil
}

// add appends a tidied entry: its row, time and kind, and the rest of it with
// its length, so that a reader who wants one row passes over the others.
func (c *chunk) add(e *conversions.Entry) {
	c.doc = compact.AppendEntry(c.doc[:0], e)
	c.entries = binary.AppendVarint(c.entries, int64(e.Row))
	c.entries = binary.AppendVarint(c.entries, micros(e.At))
	c.entries = append(binary.AppendUvarint(c.entries, uint64(len(e.Kind))), e.Kind...)
	c.entries = append(binary.AppendUvarint(c.entries, uint64(len(c.doc))), c.doc...)
	c.count++
	if answeredOp(e) == conversions.OpUpload {
		c.uploads++
	}
}

// save writes the chunk, if anything was added.
func (c *chunk) save(ctx context.Context, t tx) error {
	if c.count == 0 {
		return nil
	}
	_, err := t.exec(ctx, `INSERT INTO ledger (seq, account, last, uploads, entries) VALUES (?, ?, ?, ?, ?)`,
		c.first, string(c.account), c.first+c.count-1, c.uploads, c.entries)
	if err != nil {
		return fmt.Errorf("append to ledger: %w", err)
	}
	return nil
}

// appendEntry writes a tidied entry that is about no row.
func appendEntry(ctx context.Context, t tx, e conversions.Entry) error {
	c, err := newChunk(ctx, t, e.Account)
	if err != nil {
		return err
	}
	c.add(&e)
	return c.save(ctx, t)
}

// answeredOp is the operation whose fate an entry tells, at once or later.
func answeredOp(e *conversions.Entry) conversions.Operation {
	told := e.Kind == conversions.EntryAnswered || e.Kind == conversions.EntryProcessed
	if !told || e.Item == nil || e.Answer == nil {
		return conversions.OpNone
	}
	if v := e.Answer.Verdict; v == conversions.Submitted || v == conversions.Unclear {
		return conversions.OpNone
	}
	return e.Item.Op
}

// selectChunks reads chunks of the ledger.
const selectChunks = `SELECT seq, account, entries FROM ledger `

// wanted says which entries of a chunk are read. One that is not wanted costs
// next to nothing.
type wanted func(seq int64, row conversions.RowID) bool

// readChunk appends to es the entries of a chunk that are wanted.
func readChunk(rows *sql.Rows, es []conversions.Entry, want wanted) ([]conversions.Entry, error) {
	var account conversions.AccountID
	var seq int64
	var text sql.RawBytes
	if err := rows.Scan(&seq, &account, &text); err != nil {
		return nil, fmt.Errorf("scan chunk: %w", err)
	}
	before := len(es)
	es, err := appendEntries(es, text, seq, want)
	for i := before; i < len(es); i++ {
		es[i].Account = account
	}
	return es, err
}

// appendEntries appends to es the entries of a chunk's text that are wanted;
// seq is that of the first.
func appendEntries(es []conversions.Entry, text []byte, seq int64, want wanted) ([]conversions.Entry, error) {
	r := chunkReader{left: text}
	for ; len(r.left) > 0; seq++ {
		row, at, kind, doc := conversions.RowID(r.varint()), r.varint(), r.text(), r.text()
		if r.bad {
			return nil, fmt.Errorf("read chunk of ledger: %w", errUnreadable)
		}
		if !want(seq, row) {
			continue
		}
		var e conversions.Entry
		if err := compact.ReadEntry(doc, &e); err != nil {
			return nil, fmt.Errorf("read entry %d: %w", seq, err)
		}
		e.Seq, e.Row, e.At, e.Kind = seq, row, fromMicros(at), conversions.EntryKind(kind)
		es = append(es, e)
	}
	return es, nil
}

// chunkReader reads what chunk.add wrote.
type chunkReader struct {
	left []byte
	bad  bool
}

func (r *chunkReader) varint() int64 {
	v, n := binary.Varint(r.left)
	r.pass(n)
	return v
}

func (r *chunkReader) text() []byte {
	size, n := binary.Uvarint(r.left)
	r.pass(n)
	if r.bad || size > uint64(len(r.left)) {
		r.bad, r.left = true, nil
		return nil
	}
	text := r.left[:size]
	r.left = r.left[size:]
	return text
}

func (r *chunkReader) pass(n int) {
	if n <= 0 {
		r.bad, r.left = true, nil
		return
	}
	r.left = r.left[n:]
}

// trailed appends a chunk's seq to the trail of a row, which names every chunk
// that has entries of it.
func trailed(trail []byte, seq int64) []byte { return binary.AppendVarint(trail, seq) }

// chunksOf lists the chunks of a trail.
func chunksOf(trail []byte) ([]int64, error) {
	r := chunkReader{left: trail}
	var seqs []int64
	for len(r.left) > 0 {
		seqs = append(seqs, r.varint())
	}
	if r.bad {
		return nil, errUnreadable
	}
	return seqs, nil
}

const selectTrail = selectChunks + `WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq`

// entriesOf reads the entries of a row from the chunks of its trail.
func entriesOf(ctx context.Context, q queryer, id conversions.RowID, trail []byte) (es []conversions.Entry, err error) {
	seqs, err := chunksOf(trail)
	if err != nil {
		return nil, fmt.Errorf("read trail: %w", err)
	}
	ofRow := func(_ int64, row conversions.RowID) bool { return row == id }
	err = each(ctx, q, func(rows *sql.Rows) (bool, error) {
		es, err = readChunk(rows, es, ofRow)
		return true, err
	}, selectTrail, list(seqs))
	return es, err
}

// Ledger implements store.Reports.
func (s *Store) Ledger(ctx context.Context, a conversions.AccountID, after int64, limit int) ([]conversions.Entry, error) {
	var es []conversions.Entry
	n := 0
	next := func(seq int64, _ conversions.RowID) bool {
		if seq <= after || n == limit {
			return false
		}
		n++
		return true
	}
	err := each(ctx, s.reads.QueryContext, func(rows *sql.Rows) (more bool, err error) {
		es, err = readChunk(rows, es, next)
		return n < limit, err
	}, selectLedger, string(a), after)
	if err != nil {
		return nil, fmt.Errorf("read ledger of %s: %w", a, err)
	}
	return es, nil
}

const selectLedger = selectChunks + `WHERE account = ? AND last > ? ORDER BY last`

// LastAnswers implements store.Sending. It reads no more chunks than it needs.
func (s *Store) LastAnswers(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Entry, error) {
	var last []conversions.Entry
	ofRows := func(_ int64, row conversions.RowID) bool { return row != 0 }
	err := each(ctx, s.reads.QueryContext, func(rows *sql.Rows) (more bool, err error) {
		es, err := readChunk(rows, nil, ofRows)
		for i := len(es) - 1; i >= 0 && len(last) < limit; i-- {
			if answeredOp(&es[i]) == conversions.OpUpload {
				last = append(last, es[i])
			}
		}
		return len(last) < limit, err
	}, selectUploads, string(a))
	if err != nil {
		return nil, fmt.Errorf("read last answers of %s: %w", a, err)
	}
	return last, nil
}

const selectUploads = selectChunks + `WHERE account = ? AND uploads > 0 ORDER BY seq DESC`
