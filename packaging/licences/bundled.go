package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// bundled reads what Vite says of the packages whose code is in the page, and judges their licences.
func bundled(file string) ([]work, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: build the page first", err)
	}
	var list []struct{ Name, Version, Identifier, Text string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s names no package", file)
	}
	var all []work
	var errs []error
	for _, p := range list {
		w := work{kind: "npm", name: p.Name, version: p.Version, texts: []text{{"LICENSE", p.Text}}}
		granted, err := judge(p.Text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: its licence (%q, it says): %w", p.Name, p.Identifier, err))
		}
		w.grant(granted)
		all = append(all, w)
	}
	return all, errors.Join(errs...)
}
