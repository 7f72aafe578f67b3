package compact_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// filler gives every field of a value something of its own.
type filler struct{ n int64 }

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d \x00é", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(f.n * 1_000_003 * (1 - 2*(f.n%2))) // also negative ones
	case reflect.Uint8:
		v.SetUint(uint64(f.n % 256))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			f.fill(v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		f.fillStruct(v)
	default:
		panic("a kind that no document has: " + v.Kind().String())
	}
}

func (f *filler) fillStruct(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		zone := time.FixedZone("", int(f.n%11-5)*1800)
		v.Set(reflect.ValueOf(time.Date(2026, 6, 1, 12, int(f.n%60), 0, int(f.n)*1000, zone)))
		return
	}
	for _, field := range v.Fields() {
		f.fill(field)
	}
}

func filled[T any](n int64) T {
	var v T
	f := filler{n: n}
	f.fill(reflect.ValueOf(&v).Elem())
	return v
}

// form is a document's two functions, and what stands in columns.
type form struct {
	name  string
	check func(t *testing.T, n int64)
}

func checked[T any](name string, write func([]byte, *T) []byte, read func([]byte, *T) error, columns func(*T)) form {
	return form{name, func(t *testing.T, n int64) {
		t.Helper()
		in := filled[T](n)
		doc := write([]byte("before"), &in)[len("before"):]
		var out T
		if err := read(doc, &out); err != nil {
			t.Fatal(err)
		}
		columns(&in)
		if diff := cmp.Diff(in, out); diff != "" {
			t.Fatalf("-written +read\n%s", diff)
		}
		for cut := range doc {
			_ = read(doc[:cut], &out) // must not panic
		}
		var zero T
		if err := read(write(nil, &zero), &out); err != nil || !reflect.DeepEqual(out, zero) {
			t.Errorf("zero value: got %+v, %v", out, err)
		}
	}}
}

func forms() []form {
	return []form{
		checked("row", compact.AppendRow, compact.ReadRow, func(*conversions.Row) {}),
		checked("entry", compact.AppendEntry, compact.ReadEntry, func(e *conversions.Entry) {
			e.Seq, e.Account, e.Row, e.Kind, e.At, e.ClickID = 0, "", 0, "", time.Time{}, ""
			e.Item.ClickID = ""
		}),
		checked("event", compact.AppendEvent, compact.ReadEvent, func(e *conversions.Event) {
			e.Seq, e.Account, e.Source, e.Body, e.Lead, e.Kind = 0, "", "", [16]byte{}, "", ""
			e.Outcome, e.Received, e.Person = "", time.Time{}, conversions.Person{}
		}),
		checked("side row", compact.AppendPerson, compact.ReadPerson, func(*conversions.Person) {}),
		checked(
			"manifest",
			func(buf []byte, items *[]conversions.Item) []byte { return compact.AppendItems(buf, *items) },
			func(doc []byte, items *[]conversions.Item) (err error) {
				*items, err = compact.ReadItems(doc)
				return err
			},
			func(items *[]conversions.Item) {
				for i := range *items {
					(*items)[i].ClickID = ""
				}
			},
		),
	}
}

// TestEveryFieldComesBack: a field that somebody adds to the domain and forgets
// here fails it.
func TestEveryFieldComesBack(t *testing.T) {
	t.Parallel()
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for n := range int64(200) {
				f.check(t, n)
			}
		})
	}
}

func TestZonesComeBack(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 1, 12, 0, 0, 123456000, time.FixedZone("", -(4*60+30)*60))
	items, err := compact.ReadItems(compact.AppendItems(nil, []conversions.Item{{At: at}, {At: at.UTC()}}))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Time{at, at.UTC()} {
		if got := items[i].At.Format(time.RFC3339Nano); got != want.Format(time.RFC3339Nano) {
			t.Errorf("time of item %d: got %s, want %s", i, got, want.Format(time.RFC3339Nano))
		}
	}
}

// TestNewerFieldsArePassedOver reads a document with a field of every shape
// that this program does not know, before, between and after those it does.
func TestNewerFieldsArePassedOver(t *testing.T) {
	t.Parallel()
	doc := []byte{1}
	doc = append(doc, 3<<2|1, 4, 'm', 'a', 'i', 'l')       // contact
	doc = append(doc, 90<<2&0x7f|0x80, 90<<2>>7, 2)        // a number
	doc = append(doc, (91<<2|1)&0x7f|0x80, 91<<2>>7, 1, 9) // bytes
	doc = append(doc, (92<<2|2)&0x7f|0x80, 92<<2>>7, 2, 2, 0)
	var p conversions.Person
	if err := compact.ReadPerson(doc, &p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(conversions.Person{Contact: "mail"}, p); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReadClickID(t *testing.T) {
	t.Parallel()
	p := filled[conversions.Person](7)
	p.Clicks = []conversions.FoundClick{{Click: conversions.Click{Kind: "gclid", ID: "first"}}, {Place: "field"}, {Click: conversions.Click{ID: "third"}}}
	doc := compact.AppendPerson(nil, &p)
	for n, want := range []string{"first", "", "third", ""} {
		if got, err := compact.ReadClickID(doc, n); got != want || err != nil {
			t.Errorf("click %d: got %q, %v, want %q", n, got, err, want)
		}
	}
	for name, doc := range map[string][]byte{"empty": {}, "cut": doc[:len(doc)-3], "a click cut": {1, 2<<2 | 1, 2, 1<<2 | 1, 5}} {
		if got, err := compact.ReadClickID(doc, 0); !errors.Is(err, compact.ErrUnreadable) {
			t.Errorf("%s: got %q, %v, want ErrUnreadable", name, got, err)
		}
	}
}

func TestForeignBytesAreUnreadable(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string][]byte{
		"empty": {}, "another version": {2}, "JSON": []byte(`{"id":1}`), "a field numbered 0": {1, 0}, "cut in a number": {1, 4, 0x80},
		"cut in a text": {1, 3<<2 | 1, 9, 'x'}, "a shape there is not": {1, 3<<2 | 3, 1}, "a part cut": {1, 2<<2 | 1, 2, 1<<2 | 1, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r conversions.Row
			if err := compact.ReadRow(doc, &r); !errors.Is(err, compact.ErrUnreadable) {
				t.Errorf("got %v, want ErrUnreadable", err)
			}
		})
	}
}

func FuzzReadRow(f *testing.F) {
	r := filled[conversions.Row](7)
	f.Add(compact.AppendRow(nil, &r))
	f.Add([]byte{1})
	f.Add([]byte{1, 2<<2 | 1, 0x80})
	f.Fuzz(func(t *testing.T, doc []byte) {
		var r, again conversions.Row
		if compact.ReadRow(doc, &r) != nil {
			return
		}
		if err := compact.ReadRow(compact.AppendRow(nil, &r), &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Errorf("-read +read again\n%s", diff)
		}
	})
}

func BenchmarkRow(b *testing.B) {
	r := filled[conversions.Row](7)
	r.Last.Others = nil
	var doc []byte
	b.ReportAllocs()
	for b.Loop() {
		doc = compact.AppendRow(doc[:0], &r)
		if err := compact.ReadRow(doc, &r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(doc)), "bytes")
}
