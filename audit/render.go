package audit

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
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
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(res.Data); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

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
		tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		if strings.Join(t.Columns, "") != "" {
			writeCells(tw, t.Columns)
		}
		for _, row := range t.Rows {
			writeCells(tw, row)
		}
		if err := tw.Flush(); err != nil {
			return err //nolint:wrapcheck // wrapped by Write
		}
	}
	for _, n := range t.Notes {
		b.WriteString(n + "\n")
	}
	_, err := io.WriteString(w, trimLines(b.String()))
	return err //nolint:wrapcheck // wrapped by Write
}

func writeCells(w io.Writer, cells []string) {
	clean := make([]string, len(cells))
	for i, c := range cells {
		clean[i] = printable(c)
	}
	_, _ = io.WriteString(w, strings.Join(clean, "\t")+"\n") // a tabwriter over a Builder cannot fail before Flush
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

// trimLines takes the padding off the ends of lines.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
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
			safe[i] = inert(c)
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

// inert keeps a spreadsheet from taking a sender's text for a formula.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
