package sandbox

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
)

// query is a parsed statement of the Google Ads Query Language. The sandbox knows SELECT, FROM, WHERE with =, !=, IN and
// NOT IN joined by AND, and LIMIT. GAQL itself has no OR (Google Ads API, query grammar).
type query struct {
	fields []string
	from   string
	where  []condition
	limit  int // 0 is none
}

// condition holds when the field has, or with not set has not, one of the values.
type condition struct {
	field  string
	not    bool
	values []string
}

func refuseQuery(code adserrors.QueryErrorEnum_QueryError, message string) error {
	return &refusedError{code: queryCode(code), message: "Error in query: " + message, path: "query"}
}

var (
	gaqlToken = regexp.MustCompile(`'[^']*'|"[^"]*"|[\w.\-]+|!=|[=,()]|\S`)
	gaqlField = regexp.MustCompile(`^[a-z_0-9]+(\.[a-z_0-9]+)+$`)
)

// parser reads tokens left to right.
type parser struct{ rest []string }

func parseQuery(text string) (query, error) {
	p := parser{gaqlToken.FindAllString(text, -1)}
	var q query
	if !p.keyword("SELECT") {
		return q, refuseQuery(adserrors.QueryErrorEnum_EXPECTED_SELECT, "expected SELECT.")
	}
	if err := p.selects(&q); err != nil {
		return q, err
	}
	if !p.keyword("FROM") {
		return q, refuseQuery(adserrors.QueryErrorEnum_EXPECTED_FROM, "expected FROM.")
	}
	q.from = p.next()
	if err := p.conditions(&q); err != nil {
		return q, err
	}
	if err := p.limit(&q); err != nil {
		return q, err
	}
	if len(p.rest) > 0 {
		return q, refuseQuery(adserrors.QueryErrorEnum_UNEXPECTED_INPUT, "unexpected input '"+p.rest[0]+"'.")
	}
	return q, nil
}

func (p *parser) next() string {
	if len(p.rest) == 0 {
		return ""
	}
	token := p.rest[0]
	p.rest = p.rest[1:]
	return token
}

// keyword takes the word, in any case, when it comes next.
func (p *parser) keyword(word string) bool {
	if len(p.rest) == 0 || !strings.EqualFold(p.rest[0], word) {
		return false
	}
	p.next()
	return true
}

func (p *parser) selects(q *query) error {
	for {
		name := p.next()
		if !gaqlField.MatchString(name) {
			return refuseQuery(adserrors.QueryErrorEnum_BAD_FIELD_NAME, "invalid field name '"+name+"'.")
		}
		q.fields = append(q.fields, name)
		if !p.keyword(",") {
			return nil
		}
	}
}

func (p *parser) conditions(q *query) error {
	if !p.keyword("WHERE") {
		return nil
	}
	for {
		c := condition{field: p.next()}
		if !gaqlField.MatchString(c.field) {
			return refuseQuery(adserrors.QueryErrorEnum_BAD_FIELD_NAME, "invalid field name '"+c.field+"'.")
		}
		if err := p.comparison(&c); err != nil {
			return err
		}
		q.where = append(q.where, c)
		if !p.keyword("AND") {
			return nil
		}
	}
}

func (p *parser) comparison(c *condition) (err error) {
	switch {
	case p.keyword("="):
		c.values, err = p.value()
	case p.keyword("!="):
		c.not = true
		c.values, err = p.value()
	case p.keyword("NOT"):
		c.not = true
		if !p.keyword("IN") {
			return refuseQuery(adserrors.QueryErrorEnum_BAD_OPERATOR, "expected IN.")
		}
		c.values, err = p.values()
	case p.keyword("IN"):
		c.values, err = p.values()
	default:
		return refuseQuery(adserrors.QueryErrorEnum_BAD_OPERATOR, "invalid operator '"+p.next()+"'.")
	}
	return err
}

func (p *parser) value() ([]string, error) {
	token := p.next()
	if token == "" || strings.ContainsAny(token[:1], "(),=!") {
		return nil, refuseQuery(adserrors.QueryErrorEnum_BAD_VALUE, "invalid value '"+token+"'.")
	}
	return []string{strings.Trim(token, `'"`)}, nil
}

func (p *parser) values() ([]string, error) {
	if !p.keyword("(") {
		return nil, refuseQuery(adserrors.QueryErrorEnum_EXPECTED_LIST, "expected a list.")
	}
	var all []string
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		all = slices.Concat(all, v)
		if p.keyword(")") {
			return all, nil
		}
		if !p.keyword(",") {
			return nil, refuseQuery(adserrors.QueryErrorEnum_EXPECTED_LIST, "expected ',' or ')'.")
		}
	}
}

func (p *parser) limit(q *query) error {
	if !p.keyword("LIMIT") {
		return nil
	}
	n, err := strconv.Atoi(p.next())
	if err != nil || n <= 0 {
		return refuseQuery(adserrors.QueryErrorEnum_BAD_LIMIT_VALUE, "the limit must be a positive number.")
	}
	q.limit = n
	return nil
}
