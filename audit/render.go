package audit

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Format is how a report is written.
type Format string

// The formats.
const (
	FormatTable Format = "table"
	FormatJSON  Format = "json"
	FormatCSV   Format = "csv"
)

// Formats lists them.
func Formats() []Format { return []Format{FormatTable, FormatJSON, FormatCSV} }

// Write writes a report in the given format. The items of a report are written
// as they are read; the columns of their table are as wide as the first
// sampleRows of them need, and a longer cell moves the rest of its line.
func Write(w io.Writer, res Result, f Format) error {
	buffered := bufio.NewWriter(w)
	err := write(buffered, res, f)
	if flushed := buffered.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("write report: %w", flushed)
	}
	return err
}

func write(w *bufio.Writer, res Result, f Format) error {
	switch f {
	case FormatJSON:
		if res.Items != nil {
			return writeList(w, res.Items)
		}
		return writeJSON(w, res)
	case FormatCSV:
		return writeCSV(w, res)
	case FormatTable:
		return writeTables(w, res)
	default:
		return fmt.Errorf("unknown format %q", string(f))
	}
}

func writeJSON(w io.Writer, res Result) error {
	text, err := indented(res.Data, "")
	if err == nil {
		_, err = io.WriteString(w, text+"\n")
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// writeList writes items as the elements of one list.
func writeList(w *bufio.Writer, items iter.Seq2[Item, error]) error {
	const indent = "  "
	before, end := "\n"+indent, "]\n"
	if err := head(w, "["); err != nil {
		return err
	}
	for item, err := range items {
		if err != nil {
			return err // the report says what it was doing
		}
		if item.Note != "" {
			continue
		}
		text, err := indented(item.Data, indent)
		if err == nil {
			_, err = io.WriteString(w, before+text)
		}
		if err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		before, end = ",\n"+indent, "\n]\n"
	}
	if _, err := io.WriteString(w, end); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// head writes how a report begins and shows it at once: its first item may be
// far to seek.
func head(w *bufio.Writer, text string) error {
	_, err := w.WriteString(text)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// indented is data as JSON whose lines, but for the first, begin with prefix.
func indented(data any, prefix string) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetIndent(prefix, "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return "", err //nolint:wrapcheck // the caller says what it was doing
	}
	return escapeControls(strings.TrimSuffix(b.String(), "\n")), nil
}

// escapeControls escapes what encoding/json leaves as it is and a terminal
// would obey: DEL, the controls from 0x80 on, changes of text direction.
// Outside strings JSON has none of these.
func escapeControls(text string) string {
	if strings.IndexFunc(text, obeyed) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if !obeyed(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, "\\u%04x", unit)
		}
	}
	return b.String()
}

func obeyed(r rune) bool { return r > '~' && !unicode.IsPrint(r) }

func writeTables(w io.Writer, res Result) error {
	for i, t := range res.Tables {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return fmt.Errorf("write report: %w", err)
			}
		}
		var items iter.Seq2[Item, error]
		if i == len(res.Tables)-1 {
			items = res.Items
		}
		if err := t.write(w, items); err != nil {
			return err
		}
	}
	return nil
}

// sampleRows is how many rows of a table that is read while it is written tell
// how wide its columns are.
const sampleRows = 200

// write writes the table's rows and after them the items.
func (t Table) write(w io.Writer, items iter.Seq2[Item, error]) error {
	p := &paper{w: w, t: t}
	if t.Title != "" {
		p.print(t.Title)
	}
	for _, row := range t.Rows {
		p.sample(row)
	}
	if items != nil {
		for item, err := range items {
			switch {
			case err != nil:
				return err // the report says what it was doing
			case item.Note != "":
				p.t.Notes = append(p.t.Notes, item.Note)
			case p.widths == nil && len(p.rows) < sampleRows:
				p.sample(item.Cells)
			default:
				p.begin()
				p.line(cleaned(item.Cells))
			}
			if p.err != nil {
				break
			}
		}
	}
	p.begin()
	for _, n := range p.t.Notes {
		p.print(printable(n))
	}
	if p.err != nil {
		return fmt.Errorf("write report: %w", p.err)
	}
	return nil
}

// gap stands between columns.
const gap = "  "

// paper is a table that is being written.
type paper struct {
	w      io.Writer
	t      Table
	rows   [][]string // not yet written
	widths []int      // of the columns, once rows are written
	err    error
}

func (p *paper) print(line string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, line+"\n")
	}
}

func (p *paper) sample(cells []string) { p.rows = append(p.rows, cleaned(cells)) }

func cleaned(cells []string) []string {
	clean := make([]string, len(cells))
	for i, c := range cells {
		clean[i] = printable(c)
	}
	return clean
}

// begin writes the rows that tell how wide the columns are. A table without
// rows has no head.
func (p *paper) begin() {
	if p.widths != nil || len(p.rows) == 0 {
		return
	}
	if strings.Join(p.t.Columns, "") != "" {
		p.rows = slices.Insert(p.rows, 0, p.t.Columns)
	}
	p.widths = make([]int, len(p.t.Columns))
	for _, row := range p.rows {
		for i, c := range row {
			p.widths[i] = max(p.widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range p.rows {
		p.line(row)
	}
	p.rows = nil
}

// line writes cells in columns, numbers to the right.
func (p *paper) line(row []string) {
	cells := make([]string, len(row))
	for i, c := range row {
		pad := strings.Repeat(" ", max(0, p.widths[i]-utf8.RuneCountInString(c)))
		if slices.Contains(p.t.Numbers, i) {
			cells[i] = pad + c
		} else {
			cells[i] = c + pad
		}
	}
	p.print(strings.TrimRight(strings.Join(cells, gap), " "))
}

// printable keeps a terminal safe from what a sender may have put into an id.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// writeCSV writes the last table, which is the report's list; a report of
// several tables has its totals or facts before it.
func writeCSV(w *bufio.Writer, res Result) error {
	if len(res.Tables) == 0 {
		return nil
	}
	t := res.Tables[len(res.Tables)-1]
	cw := csv.NewWriter(w)
	err := cw.Write(t.Columns)
	if cw.Flush(); err == nil {
		err = head(w, "")
	}
	for i := 0; i < len(t.Rows) && err == nil; i++ {
		err = cw.Write(inertRow(t.Rows[i]))
	}
	if res.Items != nil {
		for item, failed := range res.Items {
			if failed != nil {
				cw.Flush()
				return failed // the report says what it was doing
			}
			if err == nil && item.Note == "" {
				err = cw.Write(inertRow(item.Cells))
			}
			if err != nil {
				break
			}
		}
	}
	cw.Flush()
	if err = cmp.Or(err, cw.Error()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func inertRow(cells []string) []string {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = inert(printable(c))
	}
	return safe
}

// inert keeps a spreadsheet from taking a sender's text for a formula. Tabs and
// line breaks, which spreadsheets skip, are gone already.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
