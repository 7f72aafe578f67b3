package sandbox_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/sandbox"
)

// property is a field of a schema of Google's discovery format.
type property struct {
	Type   string
	Format string
	Enum   []string
	Ref    string `json:"$ref"`
	Items  *property
}

type schemas map[string]struct{ Properties map[string]property }

// discovery reads the discovery document of the Data Manager API, which ships inside Google's Go module.
func discovery(t *testing.T) schemas {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "google.golang.org/api").Output()
	if err != nil {
		t.Fatalf("go mod download google.golang.org/api: %v", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatalf("read where the module is: %v", err)
	}
	raw, err := os.ReadFile(filepath.Join(module.Dir, "datamanager", "v1", "datamanager-api.json"))
	if err != nil {
		t.Fatalf("read discovery document: %v", err)
	}
	var doc struct{ Schemas schemas }
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatalf("decode discovery document: %v", err)
	}
	if len(doc.Schemas) == 0 {
		t.Fatal("the discovery document has no schemas")
	}
	return doc.Schemas
}

// fieldsOf are the JSON names of a struct's fields with their types and tag options.
func fieldsOf(t reflect.Type) (map[string]reflect.Type, map[string]string) {
	types, options := map[string]reflect.Type{}, map[string]string{}
	for f := range t.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		types[name], options[name] = f.Type, option
	}
	return types, options
}

// same compares a struct with a schema, and all they refer to. A field in extra may lack in the document, one of the
// document may lack in the struct if whole is false.
func (d schemas) same(t *testing.T, name string, typ reflect.Type, whole bool, extra ...string) {
	t.Helper()
	types, options := fieldsOf(typ)
	for _, field := range extra {
		delete(types, field)
	}
	got := slices.Sorted(maps.Keys(types))
	want := slices.Sorted(maps.Keys(d[name].Properties))
	if whole {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: fields (-document +sandbox):\n%s", name, diff)
		}
	}
	for _, field := range got {
		p, ok := d[name].Properties[field]
		if !ok {
			t.Errorf("%s.%s is not in the document", name, field)
			continue
		}
		ft := types[field]
		if p.Type == "array" {
			if ft.Kind() != reflect.Slice {
				t.Errorf("%s.%s is no list", name, field)
				continue
			}
			p, ft = *p.Items, ft.Elem()
		}
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		if p.Ref != "" {
			d.same(t, p.Ref, ft, whole, extra...)
			continue
		}
		if form, has := p.form(), formOf(ft, options[field]); whole && form != has {
			t.Errorf("%s.%s is %s, want %s", name, field, has, form)
		}
		if diff := cmp.Diff(p.Enum, sandbox.Words(ft)); whole && diff != "" {
			t.Errorf("%s.%s: words (-document +sandbox):\n%s", name, field, diff)
		}
	}
}

// form is how the document writes values of a property.
func (p *property) form() string {
	switch p.Format {
	case "google-datetime":
		return "time"
	case "int64":
		return "number as text"
	}
	return map[string]string{"integer": "number"}[p.Type] + map[string]string{
		"string": "text", "boolean": "boolean", "number": "number",
	}[p.Type]
}

func formOf(t reflect.Type, option string) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t.Kind() == reflect.Int64 && option == "string":
		return "number as text"
	case t.Kind() == reflect.Int32 || t.Kind() == reflect.Float64:
		return "number"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.String:
		return "text"
	}
	return t.String()
}

// TestRequestIsGoogles holds what the sandbox reads against Google's own document: every field and every word of an enum that
// can be reached from IngestEventsRequest, none missing and none of our own.
func TestRequestIsGoogles(t *testing.T) {
	t.Parallel()
	discovery(t).same(t, "IngestEventsRequest", sandbox.IngestRequestType(), true)
}

// TestStatusIsGoogles does so for what it writes, which is only a part of what Google may write. The document of October 2026
// does not have the record indices of November 2026 yet.
func TestStatusIsGoogles(t *testing.T) {
	t.Parallel()
	discovery(t).same(t, "RetrieveRequestStatusResponse", sandbox.StatusResponseType(), false, "recordIndices")
}
