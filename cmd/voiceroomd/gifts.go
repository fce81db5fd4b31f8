package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
)

// maxGifts is above the largest catalogue however it is written.
const maxGifts = 1 << 20

// gifts reads what can be sent in the rooms of apps that have set nothing of their own; nil: what ships.
func (o options) gifts() (*gift.Catalogue, error) {
	if o.Gifts == "" {
		return nil, nil
	}
	c, err := readGifts(o.Gifts)
	if err != nil {
		return nil, fmt.Errorf("--gifts %s: %w", o.Gifts, err)
	}
	return &c, nil
}

func readGifts(name string) (c gift.Catalogue, err error) {
	f, err := os.Open(name)
	if err != nil {
		if path, ok := errors.AsType[*os.PathError](err); ok {
			err = path.Err // the caller names the file
		}
		return c, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxGifts+1))
	switch {
	case err != nil:
		return c, err
	case len(text) > maxGifts:
		return c, fmt.Errorf("more than %d bytes", maxGifts)
	}
	var doc any // JSON is YAML, too
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return c, err
	}
	if _, ok := doc.(map[string]any); !ok {
		return c, errors.New("an object with gifts and categories is wanted")
	}
	plain, err := json.Marshal(doc)
	if err != nil {
		return c, errors.New("keys are texts: put those that are numbers or dates into quotes")
	}
	return gift.Parse(plain)
}
