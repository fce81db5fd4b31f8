package law

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// excused keeps account of exceptions: each names a file and a function, and why.
type excused struct {
	t    *testing.T
	list map[string]string
	used map[string]bool
}

func excuse(t *testing.T, list map[string]string) excused {
	for where, reason := range list {
		assert.NotEmpty(t, reason, where)
	}
	e := excused{t, list, map[string]bool{}}
	t.Cleanup(func() {
		for where := range list {
			if !e.used[where] {
				t.Errorf("the exception for %s excuses nothing: take it off the list", where)
			}
		}
	})
	return e
}

func (e excused) ok(s source, at ast.Node) bool {
	name, _ := s.function(at)
	where := s.path + " " + name
	if _, ok := e.list[where]; !ok {
		return false
	}
	e.used[where] = true
	return true
}

func TestRulesArePure(t *testing.T) {
	const why = "the rules are a pure function of state, command and time: that is what makes them testable and a replay exact"
	allowed := []string{"cmp", "encoding/json", "errors", "fmt", "iter", "maps", "math", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8", module + "/signaling"}
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"}
	found := false
	for _, s := range parsed(t) {
		if s.dir() != "internal/room" || s.test() {
			continue
		}
		found = true
		for _, i := range s.syntax.Imports {
			if name := strings.Trim(i.Path.Value, `"`); !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s: %s", s.at(i), name, why)
			}
		}
		s.uses("time", func(name string, at ast.Node) {
			if slices.Contains(clock, name) {
				t.Errorf("%s uses time.%s: %s", s.at(at), name, why)
			}
		})
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
				t.Errorf("%s: no goroutine and no channel: %s", s.at(n), why)
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "panic" || f.Name == "print" || f.Name == "println") {
					t.Errorf("%s: no %s: %s", s.at(n), f.Name, why)
				}
			}
			return true
		})
	}
	assert.True(t, found, "this law is about nothing: there is no internal/room")
}

func TestEveryPackageHasOneComment(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range parsed(t) {
		if strings.HasSuffix(s.path, "_test.go") || strings.Contains(s.path, "testdata/") {
			continue
		}
		list := comments[s.dir()]
		if s.syntax.Doc != nil {
			list = append(list, s.path)
		}
		comments[s.dir()] = list
	}
	for dir, list := range comments {
		if len(list) != 1 {
			t.Errorf("%s has %d package comments %v: exactly one says what it is for", dir, len(list), list)
		}
	}
}

// sleepers are helpers of tests in bubbles that the heuristic below does not recognize.
var sleepers = map[string]string{}

func TestNobodySleeps(t *testing.T) {
	except := excuse(t, sleepers)
	for _, s := range parsed(t) {
		s.uses("time", func(name string, at ast.Node) {
			if name != "Sleep" {
				return
			}
			if !strings.HasSuffix(s.path, "_test.go") {
				if s.syntax.Name.Name != "main" { // a program may wait as it likes
					t.Errorf("%s: no time.Sleep: a wait must end when its owner does", s.at(at))
				}
				return
			}
			if !bubble(s, at) && !except.ok(s, at) {
				t.Errorf("%s: time.Sleep outside synctest.Test: it makes tests slow on a good day and wrong on a bad one", s.at(at))
			}
		})
	}
}

// bubble tells whether the function around a node runs in a bubble: it starts one, itself or by calling one of its
// package that does, or it is a helper that only such functions call.
func bubble(s source, at ast.Node) bool {
	name, f := s.function(at)
	return f != nil && bubbles()[s.dir()][name]
}

// bubbles returns the names of the test functions that run in bubbles, by folder.
var bubbles = sync.OnceValue(func() map[string]map[string]bool {
	all, err := sources()
	if err != nil {
		return nil // the test that called has failed already
	}
	calls := map[string]map[string]map[string]bool{} // by folder and function: what it calls, by its last name
	for _, s := range all {
		for _, d := range s.syntax.Decls {
			name, f := s.function(d)
			if f == nil || !s.test() {
				continue
			}
			if calls[s.dir()] == nil {
				calls[s.dir()] = map[string]map[string]bool{}
			}
			calls[s.dir()][name] = called(s, f)
		}
	}
	found := map[string]map[string]bool{}
	for dir, funcs := range calls {
		set := map[string]bool{}
		grow(set, funcs, func(name string) bool {
			return funcs[name][startBubble] || slices.ContainsFunc(slices.Collect(maps.Keys(funcs[name])), func(c string) bool { return set[c] })
		})
		grow(set, funcs, func(name string) bool { return helps(set, funcs, name) })
		found[dir] = set
	}
	return found
})

// grow adds to set the functions that belong, until there is none any more.
func grow(set map[string]bool, funcs map[string]map[string]bool, belongs func(string) bool) {
	for grown := true; grown; {
		grown = false
		for name := range funcs {
			if !set[name] && belongs(name) {
				set[name], grown = true, true
			}
		}
	}
}

// helps tells whether a function is called, and only by functions of the set.
func helps(set map[string]bool, funcs map[string]map[string]bool, name string) bool {
	last := name[strings.LastIndex(name, ".")+1:]
	helping := false
	for caller, what := range funcs {
		if caller == name || !what[last] {
			continue
		}
		if !set[caller] {
			return false
		}
		helping = true
	}
	return helping
}

// startBubble stands for a call of synctest.Test.
const startBubble = "synctest.Test"

// called returns the names that a function calls, without what stands before a dot.
func called(s source, f *ast.FuncDecl) map[string]bool {
	as := s.imported("testing/synctest")
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			names[fun.Name] = true
		case *ast.SelectorExpr:
			names[fun.Sel.Name] = true
			if x, ok := fun.X.(*ast.Ident); ok && as != "" && x.Name == as && fun.Sel.Name == "Test" {
				names[startBubble] = true
			}
		}
		return true
	})
	return names
}

// spawners start a goroutine without a WaitGroup, and say who waits for it.
var spawners = map[string]string{
	"internal/dispatch/dispatch.go New":     "Close waits for it by a channel, and may be called from inside it",
	"internal/doctor/doctor.go check":       "a driver may never come back, and the checks go on without it",
	"cmd/voiceroom/bot.go standardInput":    "nothing ends a read of standard input but the program's end",
	"examples/internal/stage/bot.go Lines":  "nothing ends a read of standard input but the program's end",
	"cmd/voiceroom/bot.go standardOutput":   "nothing ends a write to a reader that sleeps but the program's end; Close waits for a second",
	"cmd/voiceroom/demo.go startDemoServer": "the demo's own undo waits for it by a channel",
}

func TestEveryGoroutineHasAnOwner(t *testing.T) {
	except := excuse(t, spawners)
	for _, s := range parsed(t) {
		if s.test() {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok && !except.ok(s, g) {
				t.Errorf("%s: start it with wg.Go, so that its owner waits for it; or give the reason in the list of exceptions", s.at(g))
			}
			return true
		})
	}
}

func TestLibrariesDoNotPrint(t *testing.T) {
	for _, s := range parsed(t) {
		if s.test() || s.syntax.Name.Name == "main" {
			continue
		}
		s.uses("fmt", func(name string, at ast.Node) {
			if strings.HasPrefix(name, "Print") {
				t.Errorf("%s: no fmt.%s: standard output is the program's, not a library's", s.at(at), name)
			}
		})
		s.uses("os", func(name string, at ast.Node) {
			if name == "Stdout" || name == "Stderr" || name == "Exit" {
				t.Errorf("%s: no os.%s: that is the program's, not a library's", s.at(at), name)
			}
		})
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
					t.Errorf("%s: no %s: log with the caller's *slog.Logger", s.at(call), f.Name)
				}
			}
			return true
		})
	}
}

func TestNobodyRunsAtInit(t *testing.T) {
	for _, s := range parsed(t) {
		for _, d := range s.syntax.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: no init: what happens, happens because somebody called it", s.at(f))
			}
		}
	}
}
