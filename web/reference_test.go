package web

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the pages of docs/ref that tests make anew")

// The reference is what the program says.
func TestReference(t *testing.T) {
	h := build(t, nil)
	_, served := h.client().send("GET", "/openapi.json", nil)
	if !json.Valid(served) {
		t.Fatalf("no JSON: %s", served)
	}
	again, err := h.srv.routes().document()
	if err != nil || !bytes.Equal(served, again) {
		t.Errorf("two documents of one program differ (%v)", err)
	}
	for name, content := range map[string][]byte{"openapi.json": served, "api.md": reference(h.srv.routes())} {
		reviewed(t, name, content, "TestReference")
	}
}

// reviewed compares a page of docs/ref with what the program says, or writes it anew.
func reviewed(t *testing.T, name string, content []byte, test string) {
	t.Helper()
	path := filepath.Join("..", "docs", "ref", name)
	if *update {
		must(t, os.WriteFile(path, content, 0o644))
		return
	}
	there, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(there, content) {
		t.Errorf("docs/ref/%s is not what the program says (%v); run: go test ./web -run %s -update", name, err, test)
	}
}

// The router, the table of doors and the OpenAPI document name the same routes.
func TestSameRoutes(t *testing.T) {
	table := build(t, nil).srv.routes()
	inTable, inRouter, inDocument := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	api := make(map[string]bool)
	for _, l := range table.list {
		inTable[l.method+" "+strings.NewReplacer("{", ":", "}", "").Replace(l.path)] = true
		if strings.HasPrefix(l.path, prefix+"/") {
			api[l.method+" "+l.path] = true
		}
	}
	for _, r := range table.echo.Routes() {
		inRouter[r.Method+" "+r.Path] = true
	}
	for path, item := range table.api.OpenAPI().Paths {
		for method := range operations(item) {
			inDocument[method+" "+path] = true
		}
	}
	if len(api) < 40 || !maps.Equal(inTable, inRouter) || !maps.Equal(api, inDocument) {
		t.Errorf("table %v\nrouter %v\ndocument %v", inTable, inRouter, inDocument)
	}
}

// reference is docs/ref/api.md: every route, and who comes in.
func reference(t *table) []byte {
	var b bytes.Buffer
	fmt.Fprint(&b, `# The HTTP interface

This page is made by a test of package web from the table of routes; openapi.json beside it has the types.

Addresses are below `+"`https://…:8443`"+`. Times are RFC 3339; answers give UTC. Errors are problems (RFC 9457) with a sentence
for the owner in `+"`detail`"+` and, for bad input, `+"`errors: [{location, message}]`"+`. Lists come as `+"`{items, next?}`"+`; `+"`next`"+` goes into
`+"`cursor`"+` for the next part. Who is logged in says the cookie `+"`__Host-hearth`"+`, or the same secret or an API token
([tokens.md](tokens.md)) as `+"`Authorization: Bearer`"+`.

Who is not logged in gets 401. Who may not come in gets 404, as for something that is not there. Too many tries get 429
with `+"`Retry-After`"+`. A request that another site makes a browser send gets 403. Nothing under `+"`/api`"+` may be stored by a
browser or anything in between (`+"`Cache-Control: no-store`"+`).

Live video is described in [live.md](live.md), recorded video in [footage.md](footage.md), signed exports in [bundle.md](bundle.md), the news in [news.md](news.md). Who gets which answer is tried route by route in [access.md](access.md).

| route | what | for whom |
| --- | --- | --- |
`)
	for _, r := range t.list {
		fmt.Fprintf(&b, "| `%s %s` | %s | %s |\n", r.method, strings.ReplaceAll(r.path, "|", "\\|"), r.summary, r.door)
	}
	return b.Bytes()
}
