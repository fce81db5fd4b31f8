package conformance

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

//go:embed cases
var files embed.FS

// Command is what a file of cases has about one command of the documents.
type Command struct {
	Name       string           `yaml:"-"` // "service/command"; "common" for the codes that every command has
	Documented []signaling.Code // the codes that the documents name, whether they can arise or not
	Ours       bool             // the documents have no such command
	Cases      []Case
}

// Case is some steps, one after another, that leave behind nothing.
type Case struct {
	Name  string
	Only  string // why a server of another make may answer otherwise; empty: the documents say it
	Fresh bool   // only for a server with nothing else in it
	Steps []Step
}

// Step is a call and what is expected of it: exactly one of Answer, OK and Code.
type Step struct {
	// Call is the command, "service/command"; empty: that of the file.
	Call string
	// Request is the body, in which ${name} stands for an id of this run or for what a step before has kept.
	Request any
	// Body is sent instead of Request, as it is; {size} makes it so long.
	Body *string
	Size int
	// Query changes parameters of the URL; null takes one away. Method is POST if it is empty.
	Query  map[string]*string
	Method string
	// Twice names a parameter that the URL has twice.
	Twice string

	// Answer is the whole answer, with what is allowed for strings in answers (see compare.go).
	Answer any
	// OK is the Response of an answer that is otherwise as all are; {} stands for an answer without Response.
	OK any
	// Code is that of an answer that fails.
	Code signaling.Code
	// Until makes the player repeat the call so often at most, until Code comes.
	Until int
	// Among allows an answer to have more elements in its lists than OK has, and says why. Not for servers of our own.
	Among string

	// Client makes a call of the wire instead, by a user of an SDK who is logged in for it: so cases get members into rooms.
	Client string
	Params any

	// Wait is for how many seconds to wait first.
	Wait float64
}

// NeedsClients tells whether a case needs users of an SDK, whom only servers of our wire let in.
func (c Case) NeedsClients() bool {
	return slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Client != "" })
}

// Commands returns all cases, by the commands' names.
func Commands() ([]Command, error) {
	var all []Command
	err := fs.WalkDir(files, "cases", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(file)
		if err != nil {
			return err
		}
		c, err := parse(b)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		c.Name = strings.TrimSuffix(strings.TrimPrefix(file, "cases/"), path.Ext(file))
		all = append(all, c)
		return nil
	})
	return all, err
}

// parse reads a file of cases, strictly: a word that is misspelt would be a case that checks nothing.
func parse(b []byte) (c Command, err error) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, err
	}
	for _, one := range c.Cases {
		if one.Name == "" || len(one.Steps) == 0 {
			return c, errors.New("a case has a name and steps")
		}
		for i, s := range one.Steps {
			if err := s.check(); err != nil {
				return c, fmt.Errorf("case %q, step %d: %w", one.Name, i+1, err)
			}
		}
	}
	return c, nil
}

func (s Step) check() error {
	expects := 0
	for _, given := range []bool{s.Answer != nil, s.OK != nil, s.Code != 0} {
		if given {
			expects++
		}
	}
	switch {
	case s.Client != "" && (s.Call == "" || s.Answer != nil || s.OK != nil || s.Request != nil):
		return errors.New("a client's call has call, params and perhaps code")
	case s.Client != "":
		return nil
	case expects != 1:
		return errors.New("a step expects one of answer, ok and code")
	case (s.Request == nil) == (s.Body == nil):
		return errors.New("a step has request or body")
	case s.Until != 0 && s.Code == 0:
		return errors.New("until needs code")
	}
	return nil
}
