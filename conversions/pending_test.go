package conversions_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

// The answers of an API that processes what it takes later.

func whole(v conversions.Verdict) conversions.Answer {
	return conversions.Answer{Verdict: v, Evidence: conversions.EvidenceWhole}
}

func someOf(failed, of int) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Unclear, Evidence: conversions.EvidenceCounts, Failed: failed, Of: of}
}

func duplicate() conversions.Answer {
	a := whole(conversions.AlreadyThere)
	a.By = conversions.ByOrderID
	return a
}

func silent() conversions.Answer {
	return conversions.Answer{Verdict: conversions.Unclear, Evidence: conversions.EvidenceSilence}
}

// managed is a queued booking of an account of the Data Manager API.
func managed() *life {
	l := newLife()
	l.rules.Target.API = conversions.APIDataManager
	l.happens(time.Hour, event(1, 0, click("CLICK-A")), tag(2, time.Hour, "booked", actual(250000)))
	return l
}

// takes sends the row, has it taken for processing, and returns the batch.
func (l *life) takes(now time.Duration) conversions.Batch {
	b := l.sendAt(now)
	l.answer(now, b, conversions.Answer{Verdict: conversions.Submitted})
	return b
}

func (l *life) processed(now time.Duration, b conversions.Batch, a conversions.Answer) {
	l.write(l.row.Processed(b, b.Items[0], a, at(now)))
}

// turn sends and has it processed at once.
func (l *life) turn(now time.Duration, a conversions.Answer) {
	l.processed(now, l.takes(now), a)
}

func (l *life) booked(seq int64, now time.Duration, value conversions.Cents) {
	l.happens(now, tag(seq, now, "booked", actual(value)))
}

func (l *life) spam(seq int64, now time.Duration) { l.happens(now, tag(seq, now, "spam")) }

func TestWhatIsProcessedLater(t *testing.T) {
	t.Parallel()
	const (
		nothing, there, unknown = conversions.KnownNothing, conversions.KnownThere, conversions.KnownThereValue
		unanswered, refused     = conversions.KnownUnanswered, conversions.KnownRefused
		none, old, changed      = conversions.Cents(-1), conversions.Cents(250000), conversions.Cents(300000)
	)
	tests := []struct {
		name  string
		lives func(l *life)
		want  string
		known conversions.KnownStatus
		value conversions.Cents // none for no value known
	}{
		{"taken", func(l *life) { l.takes(30 * time.Hour) }, "submitted//", nothing, none},
		{"done", func(l *life) { l.turn(30*time.Hour, whole(conversions.Done)) }, "done//", there, old},
		{"refused", func(l *life) { l.turn(30*time.Hour, whole(conversions.Refused)) }, "refused/refused_by_google/", refused, none},
		{"later", func(l *life) { l.turn(30*time.Hour, whole(conversions.Later)) }, "queued//upload", nothing, none},
		{"pause", func(l *life) { l.turn(30*time.Hour, whole(conversions.Pause)) }, "queued//upload", nothing, none},
		{"a duplicate of its own: there, with a value nobody can tell", func(l *life) { l.turn(30*time.Hour, duplicate()) }, "change_due//restate", unknown, none},
		{"a duplicate of a lost one: with its value", func(l *life) {
			l.abandon(31*time.Hour, l.sendAt(30*time.Hour))
			l.turn(32*time.Hour, duplicate())
		}, "done//", there, old},
		{"some of many failed: once more, apart", func(l *life) { l.turn(30*time.Hour, someOf(3, 100)) }, "queued//upload", unanswered, old},
		{"some of many failed, then done", func(l *life) {
			l.turn(30*time.Hour, someOf(3, 100))
			l.turn(31*time.Hour, whole(conversions.Done))
		}, "done//", there, old},
		{"some of many failed, then there already", func(l *life) {
			l.turn(30*time.Hour, someOf(3, 100))
			l.turn(31*time.Hour, duplicate())
		}, "done//", there, old},
		{"some of many failed, then refused", func(l *life) {
			l.turn(30*time.Hour, someOf(3, 100))
			l.turn(31*time.Hour, whole(conversions.Refused))
		}, "refused/refused_by_google/", unanswered, old},
		{"some of many failed, twice", func(l *life) {
			l.turn(30*time.Hour, someOf(3, 100))
			l.turn(31*time.Hour, someOf(1, 3))
		}, "unclear/failed_in_part/", unanswered, old},
		{"unclear, and a person has it sent again", func(l *life) {
			l.turn(30*time.Hour, someOf(3, 100))
			l.turn(31*time.Hour, someOf(1, 3))
			l.decides(32*time.Hour, conversions.EntryRetried)
		}, "queued//upload", unanswered, old},
		{"unclear, then another value", func(l *life) {
			l.turn(30*time.Hour, someOf(3, 100))
			l.turn(31*time.Hour, someOf(1, 3))
			l.booked(3, 40*time.Hour, changed)
		}, "queued//upload", unanswered, old},
		{"unclear, then withdrawn: a zero could create it", func(l *life) {
			l.turn(30*time.Hour, someOf(3, 100))
			l.turn(31*time.Hour, someOf(1, 3))
			l.spam(3, 40*time.Hour)
		}, "cannot_change/may_be_there/", unanswered, old},
		{"a lone row that failed, which is not known", func(l *life) { l.turn(30*time.Hour, someOf(1, 1)) }, "unclear/failed_in_part/", unanswered, old},
		{"silence", func(l *life) { l.turn(30*time.Hour, silent()) }, "unclear/no_status/", unanswered, old},
		{"a status that comes twice", func(l *life) {
			b := l.takes(30 * time.Hour)
			l.processed(31*time.Hour, b, whole(conversions.Done))
			l.processed(32*time.Hour, b, whole(conversions.Refused))
		}, "done//", there, old},
		{"another value while it is processed", func(l *life) {
			l.takes(30 * time.Hour)
			l.booked(3, 31*time.Hour, changed)
		}, "submitted//", nothing, none},
		{"another value while it is processed, then done", func(l *life) {
			b := l.takes(30 * time.Hour)
			l.booked(3, 31*time.Hour, changed)
			l.processed(32*time.Hour, b, whole(conversions.Done))
		}, "change_due//restate", there, old},
		{"withdrawn while it is processed, then done", func(l *life) {
			b := l.takes(30 * time.Hour)
			l.spam(3, 31*time.Hour)
			l.processed(32*time.Hour, b, whole(conversions.Done))
		}, "change_due/withdrawn/retract", there, old},
		{"withdrawn while it is processed, then refused", func(l *life) {
			b := l.takes(30 * time.Hour)
			l.spam(3, 31*time.Hour)
			l.processed(32*time.Hour, b, whole(conversions.Refused))
		}, "refused/refused_by_google/", refused, none},
		{"another click while it is processed, then refused", func(l *life) {
			b := l.takes(30 * time.Hour)
			l.happens(31*time.Hour, tag(3, 31*time.Hour, "booked", actual(old), click("CLICK-B")))
			l.processed(32*time.Hour, b, whole(conversions.Refused))
		}, "queued//upload", nothing, none},
		{"restated", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.booked(3, 31*time.Hour, changed)
			l.turn(33*time.Hour, whole(conversions.Done))
		}, "done//", there, changed},
		{"restated, and it is there already: the value may be the old one", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.booked(3, 31*time.Hour, changed)
			l.turn(33*time.Hour, duplicate())
		}, "cannot_change/value_kept_by_google/", unknown, none},
		{"restated, refused", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.booked(3, 31*time.Hour, changed)
			l.turn(33*time.Hour, whole(conversions.Refused))
		}, "cannot_change/adjustment_refused/", there, old},
		{"restated, some of many failed, twice", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.booked(3, 31*time.Hour, changed)
			l.turn(33*time.Hour, someOf(2, 9))
			l.turn(34*time.Hour, someOf(1, 2))
		}, "unclear/failed_in_part/", unknown, none},
		{"restated, some of many failed, then done", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.booked(3, 31*time.Hour, changed)
			l.turn(33*time.Hour, someOf(2, 9))
			l.turn(34*time.Hour, whole(conversions.Done))
		}, "done//", there, changed},
		{"withdrawn: counted, with value 0", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.spam(3, 31*time.Hour)
			l.turn(60*time.Hour, whole(conversions.Done))
		}, "zeroed/withdrawn/", there, 0},
		{"withdrawn for good, then denied consent: nothing of it counts", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.spam(3, 40*time.Hour)
			l.turn(65*time.Hour, whole(conversions.Done))
			l.happens(66*time.Hour, tag(4, 66*time.Hour, "booked", actual(250000), consents(conversions.ConsentDenied)))
		}, "zeroed/consent_denied/", there, 0},
		{"withdrawn and booked again: the same conversion gets its value back", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.spam(3, 31*time.Hour)
			l.turn(60*time.Hour, whole(conversions.Done))
			l.booked(4, 61*time.Hour, old)
		}, "change_due//restate", there, 0},
		{"withdrawn where a rule keeps the value", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.rules.KeepValue = true
			l.spam(3, 31*time.Hour)
		}, "cannot_change/zero_forbidden/", there, old},
		{"an answer lost: the value of now is sent", func(l *life) {
			b := l.sendAt(30 * time.Hour)
			l.booked(3, 30*time.Hour, changed)
			l.abandon(31*time.Hour, b)
		}, "queued//upload", unanswered, old},
		{"an answer lost, another value sent: what was lost may come last", func(l *life) {
			b := l.sendAt(30 * time.Hour)
			l.booked(3, 30*time.Hour, changed)
			l.abandon(31*time.Hour, b)
			l.turn(33*time.Hour, whole(conversions.Done))
		}, "change_due//restate", unknown, none},
		{"an answer lost, another value sent and settled", func(l *life) {
			b := l.sendAt(30 * time.Hour)
			l.booked(3, 30*time.Hour, changed)
			l.abandon(31*time.Hour, b)
			l.turn(33*time.Hour, whole(conversions.Done))
			l.turn(35*time.Hour, whole(conversions.Done))
		}, "done//", there, changed},
		{"an answer lost, the same value sent", func(l *life) {
			l.abandon(31*time.Hour, l.sendAt(30*time.Hour))
			l.turn(32*time.Hour, whole(conversions.Done))
		}, "done//", there, old},
		{"a restatement's answer lost: settled by two more", func(l *life) {
			l.turn(30*time.Hour, whole(conversions.Done))
			l.booked(3, 31*time.Hour, changed)
			l.abandon(34*time.Hour, l.sendAt(33*time.Hour))
			l.turn(35*time.Hour, whole(conversions.Done))
			l.turn(37*time.Hour, whole(conversions.Done))
		}, "done//", there, changed},
		{"an answer lost, then withdrawn: a zero could create it", func(l *life) {
			b := l.sendAt(30 * time.Hour)
			l.spam(3, 30*time.Hour)
			l.abandon(31*time.Hour, b)
		}, "cannot_change/may_be_there/", unanswered, old},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := managed()
			tt.lives(l)
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			value := conversions.Amount{}
			if tt.value != none {
				value = conversions.AmountOf(tt.value)
			}
			if k := l.row.Known; k.Status != tt.known || k.Value != value {
				t.Errorf("known = %q %v, want %q %v", k.Status, k.Value, tt.known, value)
			}
			back, err := l.rebuilt()
			if err != nil {
				t.Fatalf("rebuild: %v", err)
			}
			if diff := cmp.Diff(back, l.row); diff != "" {
				t.Errorf("the ledger rebuilds another row (-rebuilt +row):\n%s", diff)
			}
		})
	}
}

// A row whose API changed goes on where it was sent: another API does not know
// its order id.
func TestWhatWasSentStaysWhereItWasSent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		life func() *life
		want conversions.API
	}{
		{"never sent", queued, conversions.APIDataManager},
		{"there", done, conversions.APIGoogleAds},
		{"sent, answer lost", func() *life {
			l := queued()
			l.abandon(9*time.Hour, l.send())
			return l
		}, conversions.APIGoogleAds},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := tt.life()
			l.rules.Target.API = conversions.APIDataManager
			l.rules.Stages[conversions.StageBooked] = conversions.StageRules{Action: "999", Share: 10_000}
			l.booked(3, 20*time.Hour, 300000)
			if got := l.row.Target().API; got != tt.want {
				t.Errorf("the next operation %q goes to %s, want %s", l.row.Next(), got, tt.want)
			}
			if moved := l.row.Action() == "999"; moved != (tt.want == conversions.APIDataManager) {
				t.Errorf("it goes to action %s", l.row.Action())
			}
		})
	}
}

func TestWhenAStatusIsAskedFor(t *testing.T) {
	t.Parallel()
	var got []time.Duration
	for polls := 0; len(got) < 9; polls++ {
		got = append(got, conversions.NextPoll(at(0), polls).Sub(at(0)))
	}
	want := []time.Duration{
		30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour,
		32 * time.Hour, 56 * time.Hour, 72 * time.Hour,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("asked after (-want +got):\n%s", diff)
	}
	if end := conversions.NextPoll(at(0), 1000); !end.Equal(at(conversions.GiveUpPolling)) {
		t.Errorf("after many polls %v, want 72 h", end)
	}
}
