package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

const rule = "--------------------------------------------------------------------------------"

// write writes everything down: who, then each text once, below the names of those whose it is. The same works give the same bytes.
func write(out io.Writer, all []work) error {
	w := bufio.NewWriter(out)
	fmt.Fprint(w, "Hearth's programs contain work of others. Here is whose, and under which licences; their texts follow.\n\n")
	slices.SortFunc(all, func(a, b work) int { return strings.Compare(a.name, b.name) })
	var order []string // of the texts
	whose := make(map[string][]string)
	for _, one := range all {
		licences := strings.Join(one.licences, ", ")
		if licences == "" {
			licences = "see below"
		}
		fmt.Fprintf(w, "  %s: %s\n", one.name, licences)
		for _, t := range one.texts {
			body := strings.TrimSpace(strings.ReplaceAll(t.body, "\r\n", "\n"))
			if whose[body] == nil {
				order = append(order, body)
			}
			whose[body] = append(whose[body], one.name+", "+t.file)
		}
	}
	for _, body := range order {
		fmt.Fprintf(w, "\n%s\n", rule)
		for _, name := range whose[body] {
			fmt.Fprintf(w, "%s\n", name)
		}
		fmt.Fprintf(w, "%s\n\n%s\n", rule, body)
	}
	return w.Flush()
}
