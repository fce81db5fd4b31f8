package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	tea "charm.land/bubbletea/v2"
)

// Run shows the room on a terminal until it is over for this user. When ctx ends, the user has gone. The terminal is put
// back as it was in any case, also after a panic of the screen's own.
func (s *Session) Run(ctx context.Context, in io.Reader, out io.Writer, env []string) (Outcome, error) {
	return s.run(ctx, tea.WithInput(in), tea.WithOutput(out), tea.WithEnvironment(env))
}

func (s *Session) run(ctx context.Context, opts ...tea.ProgramOption) (Outcome, error) {
	work, stop := context.WithCancel(ctx)
	defer stop()
	m := s.model(work)
	p := tea.NewProgram(m, append(opts, tea.WithoutSignalHandler())...)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			list, ok := s.news.take(work)
			if !ok {
				break
			}
			p.Send(batchMsg(list))
		}
		p.Send(quitMsg{}) // ctx has ended; when the program has ended already, nothing happens
	})
	_, err := p.Run()
	stop()
	wg.Wait()
	if err != nil && !errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, tea.ErrInterrupted) {
		return Outcome{}, fmt.Errorf("the screen: %w", err)
	}
	if m.outcome == nil {
		return gone(m), nil
	}
	return *m.outcome, nil
}

func (s *Session) model(ctx context.Context) *model {
	m := newModel(ctx, s)
	m.silent, m.muted, m.want = s.cfg.Login.Microphone == nil, s.cfg.Muted, s.cfg.Seat
	return m
}

// Print writes what happens as lines, each with its time, until the room is over for this user or ctx ends. There is
// nobody at the keys: Config.Seat is all that it does by itself.
func (s *Session) Print(ctx context.Context, out io.Writer) (Outcome, error) {
	work, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() { stop(); wg.Wait() }()
	m := s.model(work)
	m.plain = true
	do := func(cmd tea.Cmd) {
		if cmd != nil {
			wg.Go(func() {
				if msg := cmd(); msg != nil {
					s.news.add(msg)
				}
			})
		}
	}
	for {
		list, ok := s.news.take(work)
		if !ok {
			return gone(m), nil
		}
		for _, msg := range list {
			if b, batch := msg.(tea.BatchMsg); batch {
				for _, cmd := range b {
					do(cmd)
				}
				continue
			}
			_, cmd := m.Update(msg)
			if m.outcome != nil {
				return *m.outcome, m.flush(out)
			}
			do(cmd)
		}
		if err := m.flush(out); err != nil {
			return Outcome{}, err
		}
	}
}

// flush writes the log and forgets it.
func (m *model) flush(out io.Writer) error {
	for _, s := range m.log {
		if _, err := fmt.Fprintf(out, "%s %s\n", s.at.In(m.zone).Format("2006-01-02 15:04:05"), s.text); err != nil {
			return err
		}
	}
	m.log = m.log[:0]
	return nil
}
