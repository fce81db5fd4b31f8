package law

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's folder, seen from this package's.
const root = "../.."

const module = "github.com/openvoiceroom/openvoiceroom"

// pkg is a package as the go command describes it.
type pkg struct {
	ImportPath string
	Name       string
	Standard   bool
	CgoFiles   []string
	Imports    []string
	Deps       []string // all of them, through whomever
}

// packages returns every package of the module and what it needs, by import path. Tests' imports are not in it: a test
// may use both sides.
var packages = sync.OnceValues(func() (map[string]pkg, error) {
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Name,Standard,CgoFiles,Imports,Deps", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.New(err.Error() + "\n" + stderr.String())
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[p.ImportPath] = p
	}
})

func listed(t *testing.T) map[string]pkg {
	t.Helper()
	all, err := packages()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// source is one Go file, whatever its build tags are.
type source struct {
	path   string // from the module's root, with slashes
	syntax *ast.File
	fset   *token.FileSet
}

func (s source) dir() string { return path.Dir(s.path) }

// test tells whether the file is only ever part of tests. Packages named so hold suites and fakes.
func (s source) test() bool {
	return strings.HasSuffix(s.path, "_test.go") || strings.HasSuffix(s.syntax.Name.Name, "test")
}

// at says where something is.
func (s source) at(n ast.Node) string {
	return s.fset.Position(n.Pos()).String()
}

// imported returns the name under which the file imports a path, empty if it does not.
func (s source) imported(importPath string) string {
	for _, i := range s.syntax.Imports {
		if strings.Trim(i.Path.Value, `"`) != importPath {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// uses visits each mention of a name of the package with this import path, such as Sleep of time.
func (s source) uses(importPath string, visit func(name string, at ast.Node)) {
	as := s.imported(importPath)
	if as == "" {
		return
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == as {
				visit(sel.Sel.Name, sel)
			}
		}
		return true
	})
}

// function returns the name of the top-level function around a node: "Name" or "Type.Name".
func (s source) function(at ast.Node) (string, *ast.FuncDecl) {
	for _, d := range s.syntax.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || at.Pos() < f.Pos() || at.Pos() >= f.End() {
			continue
		}
		if f.Recv == nil {
			return f.Name.Name, f
		}
		recv := f.Recv.List[0].Type
		if star, ok := recv.(*ast.StarExpr); ok {
			recv = star.X
		}
		if generic, ok := recv.(*ast.IndexExpr); ok {
			recv = generic.X
		}
		if id, ok := recv.(*ast.Ident); ok {
			return id.Name + "." + f.Name.Name, f
		}
		return f.Name.Name, f
	}
	return "", nil
}

// files returns every file of the working copy that belongs to it, from the module's root.
var files = sync.OnceValues(func() ([]string, error) {
	var list []string
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".git" && !d.IsDir(): // of a worktree: it says where the rest is
		case !d.IsDir():
			list = append(list, p)
		case p == "bin" || p == "data" || d.Name() == ".git" || d.Name() == "node_modules" || strings.HasSuffix(p, "testdata/rapid"):
			return fs.SkipDir // what tools leave behind
		}
		return nil
	})
	return list, err
})

// sources parses every Go file.
var sources = sync.OnceValues(func() ([]source, error) {
	names, err := files()
	if err != nil {
		return nil, err
	}
	var list []source
	for _, name := range names {
		if path.Ext(name) != ".go" {
			continue
		}
		fset := token.NewFileSet()
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		list = append(list, source{name, f, fset})
	}
	return list, nil
})

func parsed(t *testing.T) []source {
	t.Helper()
	list, err := sources()
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}
