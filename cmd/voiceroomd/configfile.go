package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// maxConfig bounds the file, in bytes: a real one has a few thousand.
const maxConfig = 1 << 20

// configFile is what a YAML file says, by flag. It counts less than the command line and the environment.
type configFile map[string]any

// Validate is for kong.
func (configFile) Validate(*kong.Application) error { return nil }

// Resolve is for kong, which asks for every flag that is not on the command line.
func (c configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if inEnvironment(flag) {
		return nil, nil // kong has taken it already
	}
	return c[flag.Name], nil
}

func inEnvironment(flag *kong.Flag) bool {
	return slices.ContainsFunc(flag.Envs, func(name string) bool { _, ok := os.LookupEnv(name); return ok })
}

// inFile tells whether a flag has a key in the file. What a run is asked once has none.
func inFile(flag *kong.Flag) bool { return flag.Group != nil && !flag.Tag.Has("nofile") }

// readConfig reads a file and finds everything that is wrong with it, with the lines.
func readConfig(path string, flags []*kong.Flag) (configFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	c, err := parseConfig(text, flags)
	if err != nil {
		return nil, fmt.Errorf("--config %s: %w", path, err)
	}
	return c, nil
}

func parseConfig(text []byte, flags []*kong.Flag) (configFile, error) {
	if len(text) > maxConfig {
		return nil, fmt.Errorf("more than %d bytes", maxConfig)
	}
	var doc yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(text))
	if err := in.Decode(&doc); errors.Is(err, io.EOF) {
		return configFile{}, nil // nothing but comments
	} else if err != nil {
		return nil, err
	}
	if err := in.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("a second document (---): there is one only")
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return configFile{}, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: lines of the form key: value are wanted", top.Line)
	}
	c, lines := configFile{}, map[string]int{}
	var errs []error
	for i := 0; i < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		at := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == key.Value && inFile(f) })
		switch {
		case at < 0:
			errs = append(errs, fmt.Errorf("line %d: there is no key %q%s", key.Line, key.Value, meant(key.Value, flags)))
			continue
		case lines[key.Value] > 0:
			errs = append(errs, fmt.Errorf("line %d: %s is on line %d already", key.Line, key.Value, lines[key.Value]))
			continue
		}
		lines[key.Value] = key.Line
		v, err := valueOf(value, flags[at])
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %s: %w", value.Line, key.Value, err))
			continue
		}
		c[key.Value] = v
	}
	return c, errors.Join(errs...)
}

// valueOf reads a value as its flag wants it. No error shows a value that may be secret.
func valueOf(n *yaml.Node, flag *kong.Flag) (any, error) {
	kind := flag.Target.Type()
	if kind.Kind() != reflect.Slice {
		return scalar(n, kind, flag)
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	list := []any{} // kong splits what is not a list at its commas
	for _, item := range items {
		v, err := scalar(item, kind.Elem(), flag)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", item.Line, err)
		}
		list = append(list, v)
	}
	return list, nil
}

func scalar(n *yaml.Node, kind reflect.Type, flag *kong.Flag) (string, error) {
	if flag.Tag.Has("secret") && n.Kind == yaml.MappingNode {
		return secretOf(n, flag)
	}
	switch {
	case n.Kind == yaml.AliasNode:
		return "", errors.New("aliases (*) are not understood: write the value")
	case n.Kind == yaml.SequenceNode:
		return "", errors.New("one value is wanted, not a list")
	case n.Kind != yaml.ScalarNode:
		return "", errors.New("a value is wanted, not keys of its own")
	case n.Tag == "!!null":
		return "", errors.New("the value is missing: give one, or put # before the line")
	}
	wrong := func(what string) error {
		if flag.Tag.Has("secret") {
			return fmt.Errorf("%s is wanted", what)
		}
		return fmt.Errorf("%q: %s is wanted", n.Value, what)
	}
	switch {
	case kind == reflect.TypeFor[time.Duration]():
		if _, err := time.ParseDuration(n.Value); err != nil {
			return "", wrong("a time such as 30s or 2m")
		}
	case kind.Kind() == reflect.Bool:
		if n.Tag != "!!bool" {
			return "", wrong("true or false")
		}
		v, err := strconv.ParseBool(strings.ToLower(n.Value))
		return strconv.FormatBool(v), err
	case kind.Kind() == reflect.Int:
		if _, err := strconv.Atoi(n.Value); err != nil {
			return "", wrong("a whole number")
		}
	case n.Tag != "!!str" && n.Tag != "!!int" && n.Tag != "!!float":
		return "", wrong("text in quotes")
	}
	if list := flag.EnumSlice(); flag.Enum != "" && !slices.Contains(list, n.Value) {
		return "", wrong("one of " + strings.Join(list, ", "))
	}
	return n.Value, nil
}

// secretOf reads {secretFile: FILE}, and for an app {id: ID, secretFile: FILE}.
func secretOf(n *yaml.Node, flag *kong.Flag) (string, error) {
	withID := flag.Tag.Get("secret") == "id"
	var file, id string
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case value.Kind != yaml.ScalarNode || value.Value == "":
			return "", fmt.Errorf("%s: a value is wanted", key.Value)
		case key.Value == "secretFile":
			file = value.Value
		case key.Value == "id" && withID:
			id = value.Value
		default:
			return "", fmt.Errorf("there is no key %q: secretFile is wanted%s", key.Value, map[bool]string{true: ", with id"}[withID])
		}
	}
	switch {
	case file == "":
		return "", errors.New("secretFile is missing")
	case withID && id == "":
		return "", errors.New("id is missing, the SDKAppID")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("secretFile: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("secretFile %s: one line with the secret is wanted", file)
	}
	if withID {
		return id + ":" + secret, nil
	}
	return secret, nil
}

// meant names the key that is nearest to one that does not exist.
func meant(key string, flags []*kong.Flag) string {
	best, found := len(key)/2+1, ""
	for _, f := range flags {
		if d := distance(strings.ToLower(strings.ReplaceAll(key, "_", "-")), f.Name); inFile(f) && d < best {
			best, found = d, f.Name
		}
	}
	if found == "" {
		return "; voiceroomd --help lists them, without the --"
	}
	return fmt.Sprintf("; is %s meant?", found)
}

// distance is how many letters have to be added, removed or changed (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// printConfig writes what is in effect and where it comes from, as a file that has no secrets in it.
func printConfig(flags []*kong.Flag, set map[string]bool, file configFile) string {
	var b strings.Builder
	for _, f := range flags {
		if !inFile(f) {
			continue
		}
		from := "default"
		switch {
		case set[f.Name]:
			from = "flag"
		case inEnvironment(f):
			from = "environment"
		case file[f.Name] != nil:
			from = "file"
		}
		var node yaml.Node
		_ = node.Encode(shown(f)) // numbers, words and lists of words
		node.Style |= yaml.FlowStyle
		text, _ := yaml.Marshal(&node)
		fmt.Fprintf(&b, "%s: %s # %s\n", f.Name, strings.TrimSpace(string(text)), from)
	}
	return b.String()
}

// shown is a flag's value without what is secret in it.
func shown(f *kong.Flag) any {
	hide := func(s string) string {
		switch {
		case s == "":
			return s
		case f.Tag.Has("secret"):
			if id, _, ok := strings.Cut(s, ":"); ok && f.Tag.Get("secret") == "id" {
				return id + ":(hidden)"
			}
			return "(hidden)"
		case strings.Contains(s, "@"):
			return withoutPasswords(s)
		}
		return s
	}
	switch v := f.Target.Interface().(type) {
	case string:
		return hide(v)
	case []string:
		list := []string{}
		for _, s := range v {
			list = append(list, hide(s))
		}
		return list
	case time.Duration:
		return v.String()
	default:
		return v
	}
}

// withoutPasswords takes the passwords, and tokens in their place, out of addresses with commas between them.
func withoutPasswords(s string) string {
	parts := strings.Split(s, ",")
	for i, part := range parts {
		u, err := url.Parse(strings.TrimSpace(part))
		switch {
		case err != nil && strings.Contains(part, "@"):
			parts[i] = "(hidden)"
		case err == nil && u.User != nil:
			u.User = url.User("hidden")
			parts[i] = u.String()
		}
	}
	return strings.Join(parts, ",")
}
