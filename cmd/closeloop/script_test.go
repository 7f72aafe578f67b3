package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary serve as the program itself, so that the
// tests run the real thing as separate processes.
func TestMain(m *testing.M) {
	testscript.Main(closing{m}, map[string]func(){"closeloop": func() { os.Exit(realMain(movedClock)) }})
}

// closing are the tests, and then the end of the test server.
type closing struct{ tests *testing.M }

// Run implements testscript.TestingM.
func (c closing) Run() int {
	defer server.Close()
	return c.tests.Run()
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}
