package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licences that ask for no more than to be named and shipped. What asks for its source is not among them:
// the one work of that kind, FFmpeg, has a way of its own.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense"}

// enough is how much of a file, in percent, has to be the text of licences that are known. The rest is who wrote it, and when.
const enough = 75

var expression = regexp.MustCompile(`SPDX-License-Identifier: ([\w.-]+(?: OR [\w.-]+)*)`)

var (
	errUnknown = errors.New("is no licence that is known")
	errRefused = errors.New("is none that Hearth may ship; see packaging/licences/judge.go")
)

// judge names the licences that a file grants. Where it offers several, it is one that may be shipped.
func judge(body string) ([]string, error) {
	if offer := expression.FindStringSubmatch(body); offer != nil {
		for _, name := range strings.Split(offer[1], " OR ") {
			if slices.Contains(allowed, name) {
				return []string{name}, nil
			}
		}
		return nil, fmt.Errorf("%s %w", offer[1], errRefused)
	}
	found := licensecheck.Scan([]byte(body))
	var names []string
	for _, m := range found.Match {
		if !slices.Contains(allowed, m.ID) {
			return nil, fmt.Errorf("%s %w", m.ID, errRefused)
		}
		if !slices.Contains(names, m.ID) {
			names = append(names, m.ID)
		}
	}
	if len(names) == 0 || found.Percent < enough {
		return nil, fmt.Errorf("it %w (%.0f %% of it is)", errUnknown, found.Percent)
	}
	return names, nil
}
