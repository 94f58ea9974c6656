package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandReference keeps docs/ref/cli.md the same as what the program says of itself. HEARTH_UPDATE=1 writes it.
func TestCommandReference(t *testing.T) {
	t.Parallel()
	help := func(args ...string) string {
		code, stdout, stderr := runHearth(t, append(args, "--help")...)
		if code != 0 || stderr != "" {
			t.Fatalf("hearth %s --help: exit %d, %s", strings.Join(args, " "), code, stderr)
		}
		return strings.TrimSpace(stdout)
	}
	var b strings.Builder
	b.WriteString("# Commands\n\nWhat `hearth COMMAND --help` says, on one page. Made by `e2e/reference_test.go`, which also checks it.\n\n" +
		"Every flag is also an environment variable. Exit codes: 0 done, 1 failed (one line says what, why and what to do), " +
		"2 the check found something, 64 wrong usage.\n\n```\n" + help() + "\n```\n")
	for _, command := range []string{
		"serve", "demo", "sim", "probe", "check", "rebuild", "export", "verify",
		"recovery-key", "restore", "salvage",
		"user list", "user add", "user passwd", "user remove", "setup-code", "hw", "version",
	} {
		b.WriteString("\n## hearth " + command + "\n\n```\n" + help(strings.Fields(command)...) + "\n```\n")
	}

	path := filepath.Join("..", "docs", "ref", "cli.md")
	if os.Getenv("HEARTH_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != b.String() {
		t.Errorf("docs/ref/cli.md is not what the program says (%v); HEARTH_UPDATE=1 go test -run CommandReference ./e2e writes it anew", err)
	}
}
