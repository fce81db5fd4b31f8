package adminapi

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// openAPI is docs/openapi.yaml, as far as it is held against this code.
type openAPI struct {
	Paths map[string]struct {
		Post struct {
			OperationID string `yaml:"operationId"`
			Tags        []string
			Rate        int `yaml:"x-rate"`
			RequestBody struct {
				Content map[string]struct{ Schema schema }
			} `yaml:"requestBody"`
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `yaml:"$ref"`
	Type       any
	Properties map[string]schema
	Items      *schema
	Closed     *bool `yaml:"additionalProperties"`
}

func described(t *testing.T) (d openAPI) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "openapi.yaml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(b, &d))
	return d
}

// docs/openapi.yaml has every command with its rate, and nothing else.
func TestOpenAPI_hasTheCommands(t *testing.T) {
	d := described(t)
	paths := slices.Sorted(maps.Keys(d.Paths))
	want := []string{}
	for _, name := range Commands() {
		want = append(want, "/"+name)
	}
	require.Equal(t, want, paths)
	for name, c := range commands {
		post := d.Paths["/"+name].Post
		service, command, _ := strings.Cut(name, "/")
		assert.Equal(t, command, post.OperationID)
		assert.Equal(t, []string{service}, post.Tags, name)
		assert.Equal(t, c.rate, post.Rate, name)
	}
}

// The fields of every request are those that the code decodes, at every depth, with their types.
func TestOpenAPI_hasTheFields(t *testing.T) {
	d := described(t)
	for name, c := range commands {
		d.matches(t, name, d.Paths["/"+name].Post.RequestBody.Content["application/json"].Schema, c.params)
	}
}

func (d openAPI) matches(t *testing.T, at string, s schema, typ reflect.Type) {
	t.Helper()
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		s, ok = d.Components.Schemas[name]
		require.True(t, ok, "%s: there is no schema %s", at, name)
	}
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ == reflect.TypeFor[json.RawMessage]() {
		return // its type is another field's
	}
	switch typ.Kind() {
	case reflect.Struct:
		require.Equal(t, "object", s.Type, at)
		require.True(t, s.Closed != nil && !*s.Closed, "%s: the code refuses fields that it does not have", at)
		fields := fieldsOf(typ)
		require.Equal(t, slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(s.Properties)), at)
		for name, field := range fields {
			d.matches(t, at+"."+name, s.Properties[name], field)
		}
	case reflect.Slice:
		require.Equal(t, "array", s.Type, at)
		require.NotNil(t, s.Items, at)
		d.matches(t, at+"[]", *s.Items, typ.Elem())
	default:
		want := map[reflect.Kind]string{
			reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer", reflect.Uint32: "integer",
		}[typ.Kind()]
		require.NotEmpty(t, want, "%s is a %s", at, typ)
		require.Equal(t, want, s.Type, at)
	}
}
