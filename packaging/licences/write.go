package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const rule = "--------------------------------------------------------------------------------"

// write writes everything down: who, then each text once, below the names of those whose it is.
func write(out io.Writer, all []work) error {
	w := bufio.NewWriter(out)
	fmt.Fprint(w, "Hearth's programs contain work of others. Here is whose, and under which licences; their texts follow.\n\n")
	var order []string // of the texts
	whose := make(map[string][]string)
	for _, one := range all {
		fmt.Fprintf(w, "  %s: %s\n", one.title(), strings.Join(one.licences, ", "))
		for _, t := range one.texts {
			body := strings.TrimSpace(strings.ReplaceAll(t.body, "\r\n", "\n"))
			if whose[body] == nil {
				order = append(order, body)
			}
			whose[body] = append(whose[body], one.title()+", "+t.file)
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
