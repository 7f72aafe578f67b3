package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// replica is one place where the program runs, again and again: its
// configuration, its own network, and the process of the moment.
type replica struct {
	w      *world
	name   string
	config string
	links  []*link // to Google's servers
	data   *link   // to the database; nil where there is none between
	log    *os.File

	mu      sync.Mutex
	process *process // nil between two
}

// process is one run of the program.
type process struct {
	cmd   *exec.Cmd
	ready chan string   // its address, once it listens
	hit   chan string   // the fail point it came to
	ended chan struct{} // closed when it is gone; then state is set
	state *os.ProcessState
	url   string
}

// arming says at which points a process fails, each the how-manieth time, and
// how. It does at the first.
type arming struct {
	deed   string
	points []string // POINT:N
}

func (a arming) String() string { return a.deed + "=" + strings.Join(a.points, ",") }

// launch starts the program with arguments, prints what it prints into a log,
// and tells the engine of it. It returns at once.
func (w *world) launch(log *os.File, fail arming, arguments ...string) (*process, error) {
	env := []string{"CLOSELOOP_FAILCLOCK=" + w.clock.file.Name(), "HOME=" + w.dir}
	if len(fail.points) > 0 {
		env = append(env, "CLOSELOOP_FAILPOINT="+fail.String())
	}
	p := &process{
		cmd:   exec.Command(w.binary, arguments...), //nolint:gosec,noctx // built by this program, and ended by kill
		ready: make(chan string, 1), hit: make(chan string, 1), ended: make(chan struct{}),
	}
	p.cmd.Env = env
	read, write := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = write, write
	fmt.Fprintf(log, "--- %s %s, clock %s ahead, fail point %s\n", arguments[0], time.Now().Format(time.TimeOnly), w.clock.moved(), fail)
	if err := startDeaf(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", arguments[0], err)
	}
	w.engine.joins(p.cmd.Process.Pid)
	go func() {
		_ = p.cmd.Wait() // how it ended is in its state
		w.engine.leaves(p.cmd.Process.Pid)
		p.state = p.cmd.ProcessState
		_ = write.Close()
	}()
	go w.listen(p, read, log)
	return p, nil
}

// start starts the service, which may die before it listens.
func (r *replica) start(ctx context.Context, fail arming) (*process, error) {
	p, err := r.w.launch(r.log, fail, "serve", "--config", r.config)
	if err != nil {
		return nil, err
	}
	select {
	case p.url = <-p.ready:
	case <-p.ended:
	case <-ctx.Done():
	case <-time.After(30 * time.Second):
		_ = p.signal(syscall.SIGKILL)
		return nil, fmt.Errorf("replica %s did not listen within 30 s, see %s", r.name, r.log.Name())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = p
	return p, nil
}

// listen reads what a process prints until it is gone.
func (w *world) listen(p *process, printed io.Reader, log *os.File) {
	defer close(p.ended)
	lines := bufio.NewScanner(printed)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		fmt.Fprintln(log, line)
		if _, after, ok := strings.Cut(line, "msg=listening address="); ok {
			address, _, _ := strings.Cut(after, " ")
			p.ready <- "http://" + address
		}
		if point, ok := strings.CutPrefix(line, "failpoint "); ok {
			p.hit <- point
		}
		w.notes.read(line)
	}
}

// network is all of the replica's links.
func (r *replica) network() []*link {
	if r.data == nil {
		return r.links
	}
	return append(slices.Clone(r.links), r.data)
}

// url is where the replica listens; "" when it does not.
func (r *replica) url() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return ""
	}
	return r.process.url
}

func (p *process) signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("signal replica: %w", err)
	}
	return nil
}

// forget takes note that the process is gone.
func (r *replica) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = nil
}

// kill ends the process at once and waits until it is gone.
func (r *replica) kill(p *process) error {
	r.forget()
	return p.kill()
}

func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// newReplica writes the configuration of a replica with a network of its own.
func newReplica(ctx context.Context, w *world, name string) (*replica, error) {
	r := &replica{w: w, name: name, config: filepath.Join(w.dir, name+".yaml")}
	for _, target := range []string{w.box.GRPCAddr(), strings.TrimPrefix(w.box.URL(), "http://")} {
		k, err := newLink(ctx, target, &w.crossing)
		if err != nil {
			return nil, err
		}
		r.links = append(r.links, k)
	}
	database, err := w.engine.attach(ctx, r)
	if err != nil {
		return nil, err
	}
	text := configuration(w, database, r.links[0].address(), r.links[1].address())
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	if r.log, err = os.Create(filepath.Join(filepath.Clean(w.dir), name+".log")); err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	return r, nil
}

// configuration is the file of a replica that finds Google's two APIs at these
// addresses.
func configuration(w *world, database, ads, data string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "database: %s\nlisten: {address: \"127.0.0.1:0\"}\nschedule_spread: 0s\nreplicas: %d\nsources:\n", database, w.settings.replicas)
	for _, a := range w.accounts {
		fmt.Fprintf(&b, "  - {name: %s, key: key-%s, type: varda, account: %s, secrets: [%s], phone_region: US}\n", a.name, a.name, a.name, secret)
	}
	b.WriteString("accounts:\n")
	for i, a := range w.accounts {
		fmt.Fprintf(&b, `  - name: %s
    customer: "%s"
    api: %s
    mode: live
    schedule: "@every 1s"
    zone: America/New_York
    currency: USD
    consent: granted
    hold: 30m
    settle: 10m
    click_wait: 2d
    withdraw_wait: 2h
    stages:
      booked: {action: "%d"}
      quoted: {action: "%d", share: 20%%}
    credentials:
      refresh_token: {client_id: "%d-torture", client_secret: b, refresh_token: c}
      token_url: http://%s/token
    endpoint: %s
    data_manager_endpoint: %s
    plaintext: true
`, a.name, a.customer, a.api, a.booked, a.quoted, 100+i, data, ads, data)
	}
	return b.String()
}
