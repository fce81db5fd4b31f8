package conformance

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// description is docs/openapi.yaml, whose schemas are those of JSON Schema 2020-12.
type description struct {
	compiler *jsonschema.Compiler
	doc      struct {
		Codes []signaling.Code `yaml:"x-codes"`
		Paths map[string]struct {
			Post struct {
				Codes []signaling.Code `yaml:"x-codes"`
			}
		}
	}
}

func described(t *testing.T) *description {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "openapi.yaml"))
	require.NoError(t, err)
	d := &description{compiler: jsonschema.NewCompiler()}
	require.NoError(t, yaml.Unmarshal(b, &d.doc))
	var tree any
	require.NoError(t, yaml.Unmarshal(b, &tree))
	plain, err := json.Marshal(tree)
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	require.NoError(t, err)
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	require.NoError(t, d.compiler.AddResource("openapi.json", doc))
	return d
}

// schema returns what a command's request or answer has to be.
func (d *description) schema(t *testing.T, command, pointer string) *jsonschema.Schema {
	t.Helper()
	s, err := d.compiler.Compile("openapi.json#/paths/~1" + strings.ReplaceAll(command, "/", "~1") + "/post/" + pointer)
	require.NoError(t, err, command)
	return s
}

const (
	requestSchema = "requestBody/content/application~1json/schema"
	answerSchema  = "responses/200/content/application~1json/schema"
)

// seen holds a call against the description: what has been done was asked for as described, and every answer is one.
func (d *description) seen(t *testing.T, command string, request, answer []byte) {
	if _, known := d.doc.Paths["/"+command]; !known {
		return
	}
	got, err := jsonschema.UnmarshalJSON(bytes.NewReader(answer))
	require.NoError(t, err)
	assert.NoError(t, d.schema(t, command, answerSchema).Validate(got), "%s answers %s", command, answer)
	m, _ := got.(map[string]any)
	if c := code(m); c != 0 {
		assert.Contains(t, slices.Concat(d.doc.Codes, d.doc.Paths["/"+command].Post.Codes), c, command)
		return
	}
	sent, err := jsonschema.UnmarshalJSON(bytes.NewReader(request))
	require.NoError(t, err)
	assert.NoError(t, d.schema(t, command, requestSchema).Validate(sent), "%s takes %s", command, request)
}

// The codes of a command are those that its cases have; the common ones those of common.yaml.
func TestOpenAPI_hasTheCodes(t *testing.T) {
	d := described(t)
	all, err := Commands()
	require.NoError(t, err)
	for _, c := range all {
		codes := map[signaling.Code]bool{}
		for _, one := range c.Cases {
			for _, s := range one.Steps {
				if s.Client == "" && s.Code != 0 && (s.Call == "" || c.Name == "common") && !slices.Contains(d.doc.Codes, s.Code) {
					codes[s.Code] = true
				}
			}
		}
		if c.Name == "common" {
			assert.Equal(t, map[signaling.Code]bool{100004: true}, codes, "x-codes of the whole has every common code but that of the room which is not there")
			continue
		}
		assert.Equal(t, slices.Sorted(maps.Keys(codes)), slices.Sorted(slices.Values(d.doc.Paths["/"+c.Name].Post.Codes)), c.Name)
	}
}

// parameterCodes say that a request is not right by itself.
var parameterCodes = []signaling.Code{100002, 100015, 60015, 40001, 40002, 70402}

// A field is required in the description if and only if the server refuses a call without it.
func TestOpenAPI_requiresWhatTheServerRequires(t *testing.T) {
	d := described(t)
	all, err := Commands()
	require.NoError(t, err)
	for _, c := range all {
		if c.Name == "common" {
			continue
		}
		full := fullest(c)
		require.NotNil(t, full, "%s has no request that succeeds", c.Name)
		t.Run(c.Name, func(t *testing.T) {
			serve(t, func(t *testing.T, p *Player) {
				for _, path := range fields(full, nil) {
					s := &session{p: p, command: c.Name, names: map[string]string{}}
					request, err := s.plain(without(full, path))
					require.NoError(t, err)
					valid := d.schema(t, c.Name, requestSchema).Validate(request) == nil
					got, err := s.call(t.Context(), Step{Request: request})
					require.NoError(t, err)
					assert.Equal(t, valid, !slices.Contains(parameterCodes, code(got)), "without %v: %s", path, text(got))
				}
			})
		})
	}
}

// fullest returns the request of a command's cases that has most fields and succeeds.
func fullest(c Command) (request any) {
	most := -1
	for _, one := range c.Cases {
		for _, s := range one.Steps {
			if n := len(fields(s.Request, nil)); s.Call == "" && s.Code == 0 && s.Client == "" && n > most {
				request, most = s.Request, n
			}
		}
	}
	return request
}

// fields returns the ways to all fields of a request, those in lists only of the first element.
func fields(v any, at []any) (list [][]any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			way := append(slices.Clone(at), name)
			list = append(append(list, way), fields(v[name], way)...)
		}
	case []any:
		if len(v) > 0 {
			list = fields(v[0], append(slices.Clone(at), 0))
		}
	}
	return list
}

// without returns a request that lacks one field.
func without(v any, way []any) any {
	switch v := v.(type) {
	case map[string]any:
		m := maps.Clone(v)
		name, _ := way[0].(string)
		if len(way) == 1 {
			delete(m, name)
		} else {
			m[name] = without(v[name], way[1:])
		}
		return m
	case []any:
		list := slices.Clone(v)
		list[0] = without(v[0], way[1:])
		return list
	}
	return v
}
