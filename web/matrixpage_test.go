package web

import (
	"bytes"
	"fmt"
	"strings"
)

// matrix is what was answered: by route, by kind of person.
type matrix map[string]map[string]string

func (m matrix) note(route, who, answer string) {
	if m[route] == nil {
		m[route] = make(map[string]string)
	}
	m[route][who] = answer
}

// page is docs/ref/access.md. Kinds of people who got the same answers everywhere share a column.
func (m matrix) page(t *table, personas []persona) []byte {
	names := make([]string, 0, len(personas)+1)
	for _, p := range personas {
		names = append(names, p.name)
	}
	names = append(names, "owner")
	var columns [][]string
	where := make(map[string]int) // by all answers in a row
	for _, who := range names {
		var all strings.Builder
		for _, l := range t.list {
			fmt.Fprint(&all, m[l.key()][who], " ")
		}
		if at, ok := where[all.String()]; ok {
			columns[at] = append(columns[at], who)
			continue
		}
		where[all.String()] = len(columns)
		columns = append(columns, []string{who})
	}

	var b bytes.Buffer
	fmt.Fprint(&b, `# Who gets which answer

This page is made by a test of package web (TestMatrix), which asks for every route as every kind of person and writes down what the
running program answered. The requests are about one camera, the yard, an event there, and the owner; there is a second
camera, and guests have what their column says on the yard alone. Besides the answer the test looks at its body and headers for any
word of a camera that is not that person's.

- **yes**: they come in. What is wrong with the request itself is told to them only.
- **theirs**: they come in, and get what is of their cameras.
- **404**: the same answer as for something that is not there.
- **401**: they are to log in.

Who shares a column got the same answer everywhere:

`)
	for i, c := range columns {
		fmt.Fprintf(&b, "%d. %s\n", i+1, strings.Join(c, "; "))
	}
	fmt.Fprint(&b, "\n| route |")
	for i := range columns {
		fmt.Fprintf(&b, " %d |", i+1)
	}
	fmt.Fprint(&b, "\n| --- |", strings.Repeat(" --- |", len(columns)), "\n")
	for _, l := range t.list {
		fmt.Fprintf(&b, "| `%s %s` |", l.method, l.path)
		for _, c := range columns {
			answer := m[l.key()][c[0]]
			if answer == "in" {
				answer = "yes"
				if (l.door.kind == allSeen || l.door.kind == allVerbed) && !strings.Contains(l.path, "{") {
					answer = "theirs"
				}
			}
			fmt.Fprintf(&b, " %s |", answer)
		}
		fmt.Fprintln(&b)
	}
	return b.Bytes()
}
