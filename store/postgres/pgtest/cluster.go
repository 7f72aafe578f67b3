package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is a throwaway PostgreSQL cluster in a folder of its own.
type cluster struct {
	bin  string // where the programs are
	dir  string // data and socket
	port int
	cmd  *exec.Cmd
	done chan struct{} // closed when the server has ended
	log  *tail
}

// folders is how the folders of clusters begin; the process's id follows, so
// that those a killed process left behind are found.
const folders = "closeloop-pg-"

func startCluster(disk bool) (*cluster, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	place := os.TempDir()
	if quick := memory(); !disk && quick != "" {
		place = quick
	}
	sweep(place)
	dir, err := os.MkdirTemp(place, folders+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the test server: %w", err)
	}
	c := &cluster{bin: bin, dir: dir}
	if err := c.prepare(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := c.start(); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// findBinaries returns the folder of the newest server installed.
func findBinaries() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if _, err := exec.LookPath("initdb"); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian's place, outside PATH
	if len(found) == 0 {
		return "", errMissing
	}
	release := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return release(a) - release(b) })), nil
}

// sweep deletes what processes that are gone have left behind.
func sweep(place string) {
	left, _ := filepath.Glob(filepath.Join(place, folders+"*"))
	for _, dir := range left {
		text, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), folders), "-")
		if pid, err := strconv.Atoi(text); err == nil && gone(pid) {
			_ = os.RemoveAll(dir)
		}
	}
}

// prepare makes the folder the server user's and initialises it.
func (c *cluster) prepare() error {
	if err := own(c.dir); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(c.bin, "initdb"), "--pgdata", c.data(), "--username", "closeloop",
		"--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = c.dir, asServer()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initialise the test server: %w\n%s", err, out)
	}
	return nil
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// start starts the server on a free port and waits until it answers.
func (c *cluster) start() error {
	var err error
	for range 5 { // another process may take the port in between
		if c.port == 0 {
			if c.port, err = freePort(); err != nil {
				return err
			}
		}
		if err = c.tryStart(); err == nil {
			return nil
		}
		c.port = 0
	}
	return err
}

func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return strconv.Atoi(text)
}

func (c *cluster) tryStart() error {
	c.log, c.done = &tail{}, make(chan struct{})
	c.cmd = exec.Command(filepath.Join(c.bin, "postgres"), "-D", c.data(), "-k", c.dir, "-p", strconv.Itoa(c.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-c", "shared_buffers=256MB",
		"-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "max_wal_size=4GB", "-c", "log_min_messages=fatal",
		"-c", "dynamic_shared_memory_type=mmap") // in its folder, so that nothing is left when it is killed
	c.cmd.Dir, c.cmd.SysProcAttr, c.cmd.Stderr = c.dir, asServer(), c.log
	started := make(chan error)
	go func() {
		defer close(c.done)
		lockThread() // the server ends with the thread that started it
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start the test server: %w", err)
	}
	return c.await()
}

// await waits until the server takes connections.
func (c *cluster) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.done:
			return fmt.Errorf("start the test server: %w\n%s", errors.New("it ended"), c.log)
		case <-ctx.Done():
			return fmt.Errorf("start the test server: %w\n%s", ctx.Err(), c.log)
		case <-tick.C:
		}
		conn, err := pgx.Connect(ctx, c.address())
		if err == nil {
			return conn.Close(ctx)
		}
	}
}

// address is the URL of the database for administration. The socket is used
// rather than the port: it cannot be anybody else's.
func (c *cluster) address() string {
	u := url.URL{Scheme: "postgres", Path: "/postgres", RawQuery: url.Values{
		"host": {c.dir}, "port": {strconv.Itoa(c.port)}, "user": {"closeloop"},
	}.Encode()}
	return u.String()
}

// restart kills the server as a crash would and starts it again.
func (c *cluster) restart() error {
	c.end()
	return c.tryStart()
}

// end stops the server at once (an immediate shutdown).
func (c *cluster) end() {
	if c.cmd == nil || c.cmd.Process == nil {
		return
	}
	_ = c.cmd.Process.Signal(immediate)
	<-c.done
}

func (c *cluster) stop() {
	c.end()
	_ = os.RemoveAll(c.dir)
}

// tail keeps the end of what is written to it.
type tail struct{ buf bytes.Buffer }

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	if t.buf.Len() > 1<<16 {
		t.buf.Reset()
	}
	return t.buf.Write(p)
}

func (t *tail) String() string { return t.buf.String() }
