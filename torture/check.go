package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"closeloop/conversions"
	"closeloop/sandbox"
	"closeloop/store"
)

// verdict is what the check of a campaign found.
type verdict struct {
	violations []string
	rows       map[conversions.State]int
	ledger     int // entries
	stuck      int // rows that an API without retractions cannot change, and that say so
	deliveries int
	unread     int // different ones that nobody can read
	attempts   int64
	held       int // conversions that Google counts
}

func (v *verdict) violate(format string, args ...any) {
	v.violations = append(v.violations, fmt.Sprintf(format, args...))
}

// check compares what is in the store, and what Google holds, with what the
// campaign knows.
func (w *world) check(ctx context.Context) (*verdict, error) {
	v := &verdict{rows: map[conversions.State]int{}, attempts: w.crm.attempts.Load()}
	if text := w.crm.lastWrong.Load(); text != nil {
		v.violate("%s, %d times", *text, w.crm.wrong.Load())
	}
	w.checkDeliveries(ctx, v)
	s, err := w.engine.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	if err := w.quiet(ctx, s); err != nil { // a duplicate may make a replica look at its lead once more
		return nil, err
	}
	v.violations = append(v.violations, w.end()...)
	for _, line := range w.notes.bugs {
		v.violate("in a log: %s", line)
	}
	in := &inspection{w, v, s}
	if err := in.checkEvents(ctx); err != nil {
		return nil, err
	}
	for _, a := range w.accounts {
		if err := in.checkAccount(ctx, a); err != nil {
			return nil, err
		}
	}
	return v, in.checkGoogle(ctx)
}

// checkDeliveries posts everything again that was answered 2xx: each must be
// known.
func (w *world) checkDeliveries(ctx context.Context, v *verdict) {
	accepted := w.crm.accepted
	v.deliveries = len(accepted)
	url := w.anyURL()
	for _, d := range accepted {
		status, text, err := w.crm.deliver(ctx, url, d)
		if err != nil || status != http.StatusAccepted || !strings.Contains(text, "duplicate") {
			v.violate("a delivery that was answered 2xx is not known: %d %s %v: %s", status, text, err, d.body)
		}
	}
}

// inspection is a check of what a store holds.
type inspection struct {
	*world
	*verdict

	s store.Store
}

// checkEvents: no delivery is there twice, and none that was not sent.
func (w *inspection) checkEvents(ctx context.Context) error {
	read, unread := map[string]bool{}, map[string]bool{}
	for _, d := range w.crm.accepted {
		bodies := read
		if d.unreadable {
			bodies = unread
		}
		bodies[d.account.name+string(d.body)] = true
	}
	counts, err := w.s.Received(ctx, conversions.Filter{})
	if err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	n := 0
	for _, c := range counts {
		n += c.Events
	}
	if n != len(read) {
		w.violate("%d different deliveries were answered 2xx, %d events are stored", len(read), n)
	}
	quarantined, err := w.s.Quarantined(ctx, "", 0)
	if err != nil {
		return fmt.Errorf("list quarantine: %w", err)
	}
	if len(quarantined) != len(unread) {
		w.violate("%d different unreadable deliveries were answered 2xx, %d are in quarantine", len(unread), len(quarantined))
	}
	w.unread = len(unread)
	return nil
}

// checkAccount: nothing is under way, no lease is held, and the ledger is right.
func (w *inspection) checkAccount(ctx context.Context, a *account) error {
	busy, err := w.busy(ctx, w.s, a.id())
	if err != nil {
		return err
	}
	if busy != "" {
		w.violate("account %s is not at rest: %s", a.name, busy)
	}
	open, err := w.s.Unanswered(ctx, a.id())
	if err != nil {
		return fmt.Errorf("read unanswered batches: %w", err)
	}
	if len(open) > 0 {
		w.violate("account %s has %d batches without an answer", a.name, len(open))
	}
	if lease, err := w.s.Acquire(ctx, a.id(), "check", w.clock.now()); err != nil {
		w.violate("the lease of account %s: %v", a.name, err)
	} else if err := w.s.Release(ctx, lease); err != nil {
		return fmt.Errorf("release lease: %w", err)
	}
	return w.checkLedger(ctx, a)
}

// checkLedger: the ledger alone rebuilds every row.
func (w *inspection) checkLedger(ctx context.Context, a *account) error {
	rows, err := w.s.List(ctx, conversions.Filter{Account: a.id()})
	if err != nil {
		return fmt.Errorf("list rows: %w", err)
	}
	rebuilt := map[conversions.RowID]conversions.Row{}
	told := course{}
	for after := int64(0); ; {
		entries, err := w.s.Ledger(ctx, a.id(), after, 5000)
		if err != nil {
			return fmt.Errorf("read ledger: %w", err)
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			after = e.Seq
			if e.Row != 0 {
				rebuilt[e.Row] = rebuilt[e.Row].Apply(e)
				told.add(e)
			}
		}
		w.ledger += len(entries)
	}
	if len(rows) != len(rebuilt) {
		w.violate("account %s has %d rows, %d in the ledger", a.name, len(rows), len(rebuilt))
	}
	for _, row := range rows {
		w.rows[row.State]++
		if diff := cmp.Diff(row, rebuilt[row.ID], cmpopts.EquateEmpty()); diff != "" {
			w.violate("row %d of %s is not what the ledger makes of it (-stored +rebuilt):\n%s", row.ID, a.name, diff)
		}
	}
	return w.checkCourse(ctx, a, told)
}

// checkGoogle: Google counts what the tags say, once and with its value, and
// nothing else.
func (w *inspection) checkGoogle(ctx context.Context) error {
	held := map[string][]sandbox.Conversion{}
	for _, c := range w.box.Conversions() {
		if c.Counted() {
			key := fmt.Sprintf("%s/%d/%s", c.Customer, c.Action, c.ClickID)
			held[key] = append(held[key], c)
		}
	}
	for _, l := range w.crm.leads {
		for _, stage := range []string{booked, quoted} {
			key := fmt.Sprintf("%s/%d/%s", l.account.customer, l.account.action(stage), l.click)
			if l.click == "" {
				key = ""
			}
			if err := w.checkLead(ctx, l, stage, held[key]); err != nil {
				return err
			}
			delete(held, key)
		}
	}
	for key, all := range held {
		w.violate("Google counts %v for %s, which nobody wanted", all, key)
	}
	return nil
}

// checkLead checks one stage of one lead.
func (w *inspection) checkLead(ctx context.Context, l *lead, stage string, held []sandbox.Conversion) error {
	row, rows, err := w.newestRow(ctx, l, stage)
	if err != nil {
		return err
	}
	o := outlook{row: row, rows: rows, data: l.account.api == conversions.APIDataManager}
	o.cents, o.counted, o.ever = l.stands(stage)
	for _, c := range held {
		o.got = append(o.got, fmt.Sprintf("%.2f", c.Value))
		w.held++
	}
	if o.mayBe() {
		w.stuck++
	}
	if wrong := o.wrong(); len(wrong) > 0 {
		w.violate("%s, lead %d, %s: %s\n%s", l.account.name, l.session, stage, strings.Join(wrong, "; "), w.tell(ctx, l, row))
	}
	return nil
}

// outlook is how one stage of a lead stands, and how it should.
type outlook struct {
	row           conversions.Row // the newest; zero if there is none
	rows          int
	data          bool     // it went through the API that retracts nothing
	got           []string // what Google counts
	cents         int64
	counted, ever bool
}

// mayBe says that an upload went unanswered, and that it was taken back before
// it was sent again: an API that retracts nothing cannot be told, and the row
// says so.
func (o *outlook) mayBe() bool {
	return o.data && !o.counted && o.row.State == conversions.StateStuck && o.row.Reason == conversions.ReasonMayBeThere
}

func (o *outlook) wrong() []string {
	var all []string
	var want []string
	if o.counted {
		want = []string{fmt.Sprintf("%d.%02d", o.cents/100, o.cents%100)}
	}
	zero := o.data && !o.counted && slices.Equal(o.got, []string{"0.00"})
	if !slices.Equal(o.got, want) && !zero && (!o.mayBe() || len(o.got) > 1) {
		all = append(all, fmt.Sprintf("Google counts %v, want %v", o.got, want))
	}
	if o.ever != (o.rows > 0) {
		all = append(all, fmt.Sprintf("was tagged %t, has %d rows", o.ever, o.rows))
	}
	if o.rows > 0 && !o.mayBe() && !slices.Contains(resting(o.counted), o.row.State) {
		all = append(all, fmt.Sprintf("its row is %s (%s), want one of %v", o.row.State, o.row.Reason, resting(o.counted)))
	}
	return all
}

// resting are the states of what Google counts in the end, and of what it does
// not.
func resting(counted bool) []conversions.State {
	if counted {
		return []conversions.State{conversions.StateDone}
	}
	return []conversions.State{conversions.StateSkipped, conversions.StateRetracted, conversions.StateZeroed}
}

// newestRow is the row of a lead's stage of the latest generation, and how many
// there are.
func (w *inspection) newestRow(ctx context.Context, l *lead, stage string) (conversions.Row, int, error) {
	rows, err := w.s.List(ctx, conversions.Filter{
		Account: l.account.id(), Lead: conversions.LeadID(strconv.FormatInt(l.session, 10)), Stage: conversions.Stage(stage),
	})
	if err != nil {
		return conversions.Row{}, 0, fmt.Errorf("list rows of a lead: %w", err)
	}
	var newest conversions.Row
	for _, r := range rows {
		if newest.ID == 0 || r.Key.Generation > newest.Key.Generation {
			newest = r
		}
	}
	return newest, len(rows), nil
}

// tell is the course of a lead: what was tagged, what the ledger says of its
// row, and what Google was told.
func (w *inspection) tell(ctx context.Context, l *lead, row conversions.Row) string {
	var b strings.Builder
	for _, t := range l.tags {
		fmt.Fprintf(&b, "    tagged %s %s %d\n", t.at.UTC().Format(time.DateTime), t.outcome, t.cents)
	}
	h, err := w.s.History(ctx, l.account.id(), row.ID)
	if err != nil {
		return b.String()
	}
	for _, e := range h.Entries {
		fmt.Fprintf(&b, "    %s v%d %s %s", e.At.UTC().Format(time.DateTime), e.Version, e.Kind, e.Reason)
		if e.Want != nil {
			fmt.Fprintf(&b, ", wanted %t %v, withdraw %t, due %s", e.Want.Wanted, e.Want.Value, e.Want.Withdraw, e.Want.ChangeDue.UTC().Format(time.DateTime))
		}
		if e.Item != nil {
			fmt.Fprintf(&b, ", %s %v in batch %s", e.Item.Op, e.Item.Value, e.Batch)
		}
		if e.Answer != nil {
			fmt.Fprintf(&b, ": %s %s %s, resent %t", e.Answer.Verdict, e.Answer.Code, e.Answer.Evidence, e.Resent)
		}
		b.WriteString("\n")
	}
	for _, r := range h.Batches {
		fmt.Fprintf(&b, "    batch %s created %s sent %s attempts %d request %s settled %s\n", r.ID, r.Created.UTC().Format(time.DateTime),
			r.SentAt.UTC().Format(time.DateTime), r.Attempts, r.RequestID, r.Settled.UTC().Format(time.DateTime))
	}
	for _, c := range w.box.Conversions() {
		if c.ClickID == l.click && c.Customer == l.account.customer {
			fmt.Fprintf(&b, "    Google: action %d order %s uploaded %s by %s, value %.2f retracted %t, adjusted %v\n", c.Action, c.OrderID,
				c.Uploaded.UTC().Format(time.DateTime), c.RequestID, c.Value, c.Retracted, c.Adjustments)
		}
	}
	return b.String()
}
