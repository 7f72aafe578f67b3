package audit

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
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

// Write writes a report in the given format.
func Write(w io.Writer, res Result, f Format) error {
	switch f {
	case FormatJSON:
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
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(res.Data)
	if err == nil {
		_, err = io.WriteString(w, escapeControls(b.String()))
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
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
		if err := writeTable(w, t); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}

func writeTable(w io.Writer, t Table) error {
	var b strings.Builder
	if t.Title != "" {
		b.WriteString(t.Title + "\n")
	}
	if len(t.Rows) > 0 {
		t.align(&b)
	}
	for _, n := range t.Notes {
		b.WriteString(printable(n) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err //nolint:wrapcheck // wrapped by Write
}

// gap stands between columns.
const gap = "  "

// align writes the cells in columns, numbers to the right.
func (t Table) align(b *strings.Builder) {
	var lines [][]string
	if strings.Join(t.Columns, "") != "" {
		lines = append(lines, t.Columns)
	}
	for _, row := range t.Rows {
		clean := make([]string, len(row))
		for i, c := range row {
			clean[i] = printable(c)
		}
		lines = append(lines, clean)
	}
	widths := make([]int, len(t.Columns))
	for _, line := range lines {
		for i, c := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, line := range lines {
		cells := make([]string, len(line))
		for i, c := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if slices.Contains(t.Numbers, i) {
				cells[i] = pad + c
			} else {
				cells[i] = c + pad
			}
		}
		b.WriteString(strings.TrimRight(strings.Join(cells, gap), " ") + "\n")
	}
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
func writeCSV(w io.Writer, res Result) error {
	if len(res.Tables) == 0 {
		return nil
	}
	t := res.Tables[len(res.Tables)-1]
	cw := csv.NewWriter(w)
	if err := cw.Write(t.Columns); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	for _, row := range t.Rows {
		safe := make([]string, len(row))
		for i, c := range row {
			safe[i] = inert(printable(c))
		}
		if err := cw.Write(safe); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	cw.Flush()
	if err := cw.Error(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// inert keeps a spreadsheet from taking a sender's text for a formula. Tabs and
// line breaks, which spreadsheets skip, are gone already.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
