package config_test

import (
	"strings"
	"testing"
	"time"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

// value is a text in the file and what it is read as: want, or a problem
// whose text and hint contain wrong.
type value struct {
	text  string
	want  any
	wrong string
}

// check loads the file that place makes of each text and compares what got
// takes from it.
func check(t *testing.T, values []value, place func(t *testing.T, text string) string, got func(*config.Config) any) {
	t.Helper()
	for _, v := range values {
		t.Run(v.text, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(place(t, v.text), nil, nil)
			switch {
			case v.wrong != "":
				ps := problems(t, err)
				if text := ps.Error(); len(ps) != 1 || !strings.Contains(text, v.wrong) {
					t.Errorf("got\n%s\nwant one problem with %q", text, v.wrong)
				}
			case err != nil:
				t.Errorf("got\n%v\nwant %v", err, v.want)
			case got(cfg) != v.want:
				t.Errorf("got %v, want %v", got(cfg), v.want)
			}
		})
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "20%", want: conversions.BasisPoints(2000)},
		{text: "20 %", want: conversions.BasisPoints(2000)},
		{text: `"12.5%"`, want: conversions.BasisPoints(1250)},
		{text: "0.01%", want: conversions.BasisPoints(1)},
		{text: "33.33%", want: conversions.BasisPoints(3333)},
		{text: "1000%", want: conversions.MaxShare},
		{text: "1000.01%", wrong: "out of bounds"},
		{text: "99999999999999%", wrong: "out of bounds"},
		{text: "999999999999999999%", wrong: "percentage"},
		{text: "0%", wrong: "missing or zero"},
		{text: "-5%", wrong: "percentage"},
		{text: "20", wrong: "percent sign"},
		{text: "0.2", wrong: "percent sign"},
		{text: "33.333%", wrong: "two decimals"},
		{text: "5.%", wrong: "two decimals"},
		{text: "1e2%", wrong: "two decimals"},
		{text: `"%"`, wrong: "two decimals"},
		{text: "[20%]", wrong: "must be a single value, not a list"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "action: 555", "action: 555\n        share: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Stages[conversions.StageBooked].Share })
}

func TestMinimums(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "0", want: conversions.Cents(0)},
		{text: "50", want: conversions.Cents(5000)},
		{text: "49.9", want: conversions.Cents(4990)},
		{text: `"49.99"`, want: conversions.Cents(4999)},
		{text: "100000000000", want: conversions.MaxCents},
		{text: "100000000000.01", wrong: "out of bounds"},
		{text: "999999999999999999999", wrong: "not an amount"},
		{text: "-1", wrong: "not an amount"},
		{text: "1,000", wrong: "not an amount"},
		{text: "1.005", wrong: "not an amount"},
		{text: ".5", wrong: "not an amount"},
		{text: "1e3", wrong: "not an amount"},
		{text: "0x10", wrong: "not an amount"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "action: 555", "action: 555\n        minimum: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Stages[conversions.StageBooked].Minimum })
}

func TestDurations(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "0s", want: time.Duration(0)},
		{text: "0", want: time.Duration(0)},
		{text: "90m", want: 90 * time.Minute},
		{text: "1.5h", want: 90 * time.Minute},
		{text: "30d", want: 720 * time.Hour},
		{text: "1d12h", want: 36 * time.Hour},
		{text: "30d1s", wrong: "30d1s is out of bounds"},
		{text: "721h", wrong: "choose from 0s to 30d"},
		{text: "-1h", wrong: "negative"},
		{text: "1d-1h", wrong: "negative"},
		{text: "6", wrong: "with its unit"},
		{text: "1w", wrong: "with its unit"},
		{text: "d", wrong: "with its unit"},
		{text: "1.5d", wrong: "with its unit"},
		{text: "40000d", wrong: "with its unit"},
		{text: "99999999999d", wrong: "with its unit"},
		{text: "9999999999999999999h", wrong: "with its unit"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "consent: granted", "consent: granted\n    settle: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Settle })
}

func TestCustomers(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "1234567890", want: "1234567890"},
		{text: "123-456-7890", want: "1234567890"},
		{text: `"0234567890"`, want: "0234567890"},
		{text: "0234567890", want: "0234567890"},
		{text: "12345-67890", wrong: "not a customer id"},
		{text: "1-2-3-4-5-6-7-8-9-0", wrong: "not a customer id"},
		{text: "123 456 7890", wrong: "not a customer id"},
		{text: "123456789", wrong: "ten digits"},
		{text: "12345678901", wrong: "not a customer id"},
		{text: "١٢٣٤٥٦٧٨٩٠", wrong: "not a customer id"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "customer: 1234567890", "customer: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Customer })
}

func TestUploadFrom(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "2026-11-02", want: int64(1793595600)}, // midnight in New York, five hours behind
		{text: "2026-07-01", want: int64(1782878400)}, // in summer four
		{text: "2026-03-08", want: int64(1772946000)}, // the day on which clocks go forward begins five hours behind
		{text: "2026-11-01", want: int64(1793505600)}, // the one on which they go back, four
		{text: "2028-02-29", want: int64(1835413200)},
		{text: "2026-02-29", wrong: "neither a day nor a time"},
		{text: "2026-11-02T00:00:00-05:00", want: int64(1793595600)},
		{text: "2026-11-02T05:00:00Z", want: int64(1793595600)},
		{text: "2026-11-02T05:00:00", wrong: "neither a day nor a time"},
		{text: "2026-02-30", wrong: "neither a day nor a time"},
		{text: "0026-11-02", wrong: "century"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "consent: granted", "consent: granted\n    upload_from: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].UploadFrom.Unix() })
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "EUR", want: "EUR"},
		{text: "JPY", want: "JPY"},
		{text: "VES", want: "VES"},
		{text: "eur", wrong: "not a currency"},
		{text: "XXX", wrong: "not a currency"},
		{text: "XTS", wrong: "not a currency"},
		{text: "QQQ", wrong: "not a currency"},
		{text: "$", wrong: "not a currency"},
		{text: "Dollar", wrong: "not a currency"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "currency: USD", "currency: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Currency })
}

func TestDatabases(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "sqlite:a.db", want: "a.db"},
		{text: "sqlite:/var/lib/a.db", want: "/var/lib/a.db"},
		{text: "sqlite:///var/lib/a.db", want: "/var/lib/a.db"},
		{text: `"sqlite::memory:"`, wrong: "does not name a file"},
		{text: "sqlite:a.db?mode=ro", wrong: "does not name a file"},
		{text: `"sqlite:"`, wrong: "does not name a file"},
		{text: "a.db", wrong: "write sqlite:"},
		{text: "mysql://user:hunter2@db/closeloop", wrong: "write sqlite:"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "sources:", "database: "+text+"\nsources:")
	}, func(cfg *config.Config) any { return cfg.Database.SQLite })
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	for text, wrong := range map[string]string{
		"postgres://localhost/closeloop":                            "",
		"postgresql://u:hunter2@127.0.0.1:5433/closeloop":           "",
		"postgres://u:hunter2@db.example.com/c?sslmode=verify-full": "",
		"postgres:///closeloop?host=/var/run/postgresql":            "",
		"postgres://db?dbname=closeloop&sslmode=require":            "",
		"postgres://u:hunter2@/closeloop":                           "names no server",
		"postgres://u:hunter2@db.example.com":                       "names no database",
		"postgres://u:hunter2@db.example.com/":                      "names no database",
		"postgres://u:hunter2@db.example.com:0/c":                   "has no port",
		"postgres://u:hunter2@db.example.com:99999/c":               "has no port",
		"postgres://u:hunter2@db.example.com:port/c":                "is not the address of a database",
		"postgres://u:%hunter2@db.example.com/c":                    "is not the address of a database",
		"postgres:u:hunter2":                                        "is not the address of a database",
		"postgres://u@db.example.com/c?a=1;b":                       "has a query that cannot be read",
		"postgres://u@db.example.com/c#hunter2":                     "has a query that cannot be read",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(minimal(t, "sources:", "database: \""+text+"\"\nsources:"), nil, nil)
			switch {
			case wrong != "" && (len(problems(t, err)) != 1 || !strings.Contains(err.Error(), wrong) || strings.Contains(err.Error(), "hunter2")):
				t.Errorf("got\n%v\nwant one problem with %q that quotes nothing", err, wrong)
			case wrong == "" && err != nil:
				t.Errorf("got\n%v\nwant none", err)
			case wrong == "":
				if cfg.Database.Postgres.Reveal() != text || cfg.Database.SQLite != "" || len(cfg.Warnings) > 0 {
					t.Errorf("got %+v with warnings %v", cfg.Database, cfg.Warnings)
				}
			}
		})
	}
}

func TestPasswordInTheFileIsASecretOfTheFile(t *testing.T) {
	t.Parallel()
	env := map[string]string{"PW": "hunter2", "URL": "postgres://u:hunter2@localhost/c"}
	for text, want := range map[string]bool{
		"postgres://u:hunter2@localhost/c":          true,
		"postgres://localhost/c?password=hunter2":   true,
		"postgres://u@localhost/c":                  false,
		"postgres://u:${PW}@localhost/c":            false,
		"${URL}":                                    false,
		"postgres://u:hunter2@localhost/c?user=a&b": true,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			cfg := mustLoad(t, minimal(t, "sources:", "database: "+text+"\nsources:", "secrets: [signing-secret]", "secrets: [\"${PW}\"]"), nil, env)
			if got := len(cfg.SecretFiles) == 1; got != want {
				t.Errorf("got secrets in %v, want in the configuration: %v", cfg.SecretFiles, want)
			}
		})
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "0s", want: time.Duration(0)},
		{text: "5s", want: 5 * time.Second},
		{text: "1m", want: time.Minute},
		{text: "61s", wrong: "out of bounds"},
		{text: "5", wrong: "not a length of time"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "sources:", "listen: {drain: "+text+"}\nsources:")
	}, func(cfg *config.Config) any { return cfg.Listen.Drain })
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "1", want: 1},
		{text: "1000", want: 1000},
		{text: "0", wrong: "out of bounds"},
		{text: "1001", wrong: "out of bounds"},
		{text: "-1", wrong: "out of bounds"},
		{text: "two", wrong: "not a number"},
		{text: "2.5", wrong: "not a number"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "sources:", "replicas: "+text+"\nsources:")
	}, func(cfg *config.Config) any { return cfg.Replicas })
}

func TestNames(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "a", want: "a"},
		{text: "varda-2_b", want: "varda-2_b"},
		{text: "2", want: "2"},
		{text: strings.Repeat("a", 63), want: strings.Repeat("a", 63)},
		{text: strings.Repeat("a", 64), wrong: "cannot be used as a name"},
		{text: "_a", wrong: "cannot be used as a name"},
		{text: "Varda", wrong: "cannot be used as a name"},
		{text: "a/b", wrong: "cannot be used as a name"},
		{text: "väda", wrong: "cannot be used as a name"},
		{text: `""`, wrong: "has no value"},
		{text: "", wrong: "has no value"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "- name: varda", "- name: "+text)
	}, func(cfg *config.Config) any { return cfg.Sources[0].Name })
}

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"customer", "login_customer", "zone", "hold", "schedule", "secrets"}
	for text, want := range map[string]string{
		"custmer":                      "customer",
		"customer_id":                  "customer",
		"login-customer":               "login_customer",
		"LOGIN_CUSTOMER_ID":            "login_customer",
		"timezone":                     "zone",
		"shedule":                      "schedule",
		"hodl":                         "hold",
		"secret":                       "secrets",
		"port":                         "",
		"":                             "",
		"x":                            "",
		strings.Repeat("customer", 10): "",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, ok := config.Nearest(text, words)
			if got != want || ok != (want != "") {
				t.Errorf("nearest %q: got %q, %v, want %q", text, got, ok, want)
			}
		})
	}
}
