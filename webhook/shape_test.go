package webhook_test

import (
	"encoding/json"
	"strings"
	"testing"

	"closeloop/webhook"
)

func TestShape(t *testing.T) {
	t.Parallel()
	keep := func(place string) bool { return place == "id" || place == "data.at" || place == "list[].id" }
	for name, tt := range map[string]struct{ body, want string }{
		"scalars":              {`{"a":"Erika","b":12,"c":true,"d":false,"e":null}`, `{"a":"string(5)","b":"number","c":true,"d":false,"e":null}`},
		"kept number":          {`{"id":-1.5e3}`, `{"id":-1.5e3}`},
		"kept word":            {`{"id":"booked_2"}`, `{"id":"booked_2"}`},
		"kept time":            {`{"data":{"at":"2026-03-25T18:35:30+01:00"}}`, `{"data":{"at":"2026-03-25T18:35:30+01:00"}}`},
		"kept time, no zone":   {`{"data":{"at":"2026-03-25 18:35:30"}}`, `{"data":{"at":"2026-03-25 18:35:30"}}`},
		"not harmless":         {`{"id":"Erika Example"}`, `{"id":"string(13)"}`},
		"a phone is no word":   {`{"id":"+18005550142"}`, `{"id":"string(12)"}`},
		"long number":          {`{"id":` + strings.Repeat("7", 41) + `}`, `{"id":"number"}`},
		"elements":             {`{"list":[{"id":1},{"id":"x y"},7,"z",[]]}`, `{"list":[{"id":1},{"id":"string(3)"},"number","string(1)",[]]}`},
		"name of another kind": {`{"Erika Example":1,"erika@example.com":{"id":7}}`, `{"name(13)":"number","name(17)":{"id":"number"}}`},
		"escapes":              {`{"a":"\u0000\"\\ü"}`, `{"a":"string(5)"}`},
		"bad UTF-8":            {"{\"a\":\"\xff\"}", `{"a":"string(3)"}`},
		"duplicate names":      {`{"id":1,"id":2}`, `{"id":1,"id":2}`},
		"text alone":           {`"Erika"`, `"string(5)"`},
		"white space":          {" { } ", `{}`},
		"empty":                {``, ``},
		"cut":                  {`{"a":[1,`, ``},
		"trailing":             {`{} {}`, ``},
		"no JSON":              {`erika=1`, ``},
		"raw NUL":              {"{\"a\":\"\x00\"}", ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := webhook.Shape([]byte(tt.body), keep); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestShapeIsBounded(t *testing.T) {
	t.Parallel()
	object := `{"aaaaaaaa":"` + strings.Repeat("x", 20) + `","list":[1,2,3]}`
	for name, body := range map[string]string{
		"wide list":    `{"list":[` + strings.Repeat(`1,`, 400_000) + `1],"last":1}`,
		"wide object":  `[{` + strings.Repeat(`"a":1,`, 100_000) + `"a":1}]`,
		"many objects": `[` + strings.Repeat(object+",", 10_000) + object + `]`,
		"deep":         strings.Repeat(`{"a":[`, 4000) + strings.Repeat(`]}`, 4000),
		"deep and wide": strings.Repeat(`{"a":1,"b":[1,`, 60) + `"` + strings.Repeat("x", 9000) + `"` +
			strings.Repeat(`,1],"c":1}`, 60),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := webhook.Shape([]byte(body), func(string) bool { return false })
			const limit = 8 << 10
			if len(got) == 0 || len(got) > limit || !json.Valid([]byte(got)) {
				t.Errorf("got %d bytes, valid %v", len(got), json.Valid([]byte(got)))
			}
		})
	}
}
