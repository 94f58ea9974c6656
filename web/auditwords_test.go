package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hearth/storage/access"
)

// Every act that the program writes into the audit log is a sentence on the page, in web/ui/src/words/en/log.ts.
func TestEveryActIsASentence(t *testing.T) {
	writes := []string{"entry", "noteAbout", "saw", "read", "markEvent", "logged"} // an act is among their arguments
	act := regexp.MustCompile(`^[a-z]+([.-][a-z]+)*$`)
	acts := map[string]string{"look": "door.go", "owner": "door.go"}
	for _, v := range access.Verbs() { // what was refused is named by the verb
		acts[string(v)] = "a verb"
	}
	text := func(e ast.Expr) string {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			s, err := strconv.Unquote(l.Value)
			must(t, err)
			return s
		}
		return ""
	}
	for _, pattern := range []string{"*.go", "../cmd/hearth/*.go"} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			must(t, err)
			note := func(s string) {
				if act.MatchString(s) {
					acts[s] = name
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					f := ""
					switch x := n.Fun.(type) {
					case *ast.SelectorExpr:
						f = x.Sel.Name
					case *ast.Ident:
						f = x.Name
					}
					if slices.Contains(writes, f) || strings.HasPrefix(f, "note") {
						for _, a := range n.Args {
							note(text(a))
						}
					}
				case *ast.KeyValueExpr:
					if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Act" {
						note(text(n.Value))
					}
				}
				return true
			})
		}
	}
	if len(acts) < 25 {
		t.Fatalf("only %d acts were found", len(acts))
	}
	raw, err := os.ReadFile("ui/src/words/en/log.ts")
	must(t, err)
	_, words, ok := strings.Cut(string(raw), "const acts: Record<string, string> = {")
	words, _, ended := strings.Cut(words, "\n    };")
	if !ok || !ended {
		t.Fatal("the sentences are not where they were")
	}
	for a, where := range acts {
		if !strings.Contains(words, "'"+a+"': ") && !regexp.MustCompile(`(?m)^\s+`+a+`: `).MatchString(words) {
			t.Errorf("the act %q, of %s, is no sentence in words/en/log.ts (log.sentence)", a, where)
		}
	}
}
