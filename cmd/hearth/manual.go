package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

// manualCmd writes what the package needs of the program: a man page per command, and bash's completion.
type manualCmd struct {
	Dir string `arg:"" help:"Folder for hearth.1, hearth-COMMAND.1 and hearth.bash." placeholder:"DIR"`
}

// Run writes the files.
func (m *manualCmd) Run(k *kong.Kong) error {
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the manual: %w", err)
	}
	pages := map[string]string{"hearth.1": page(k.Model.Node), "hearth.bash": completion(k.Model.Node)}
	each(k.Model.Node, func(n *kong.Node) { pages[pageName(n)+".1"] = page(n) })
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(m.Dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // a manual is for everybody
			return fmt.Errorf("write the manual: %w", err)
		}
	}
	return nil
}

// each calls do for every command that a person may call, those within others included.
func each(n *kong.Node, do func(*kong.Node)) {
	for _, c := range n.Children {
		if c.Type == kong.CommandNode && !c.Hidden {
			do(c)
			each(c, do)
		}
	}
}

// words are the words of a command: "user", "add".
func words(n *kong.Node) []string {
	if n.Parent == nil {
		return nil
	}
	return append(words(n.Parent), n.Name)
}

func pageName(n *kong.Node) string {
	return strings.Join(append([]string{"hearth"}, words(n)...), "-")
}

// page is a command's man page (man(7)).
func page(n *kong.Node) string {
	var b strings.Builder
	name := pageName(n)
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"Hearth %s\" \"Hearth\"\n.SH NAME\n%s \\- %s\n", roff(strings.ToUpper(name)), roff(version), roff(name), roff(lower(n.Help)))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n%s\n", roff(strings.Join(append([]string{"hearth"}, words(n)...), " ")), roff(usage(n)))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(n.Help))
	if n.Parent == nil {
		b.WriteString("Footage stays in the house: cameras are recorded to disks of this box, and shown on a page in the local network.\n")
		b.WriteString("The service is\n.BR hearth.service ;\nits settings are environment variables in\n.IR /etc/default/hearth .\n")
	}
	if len(n.Positional) > 0 {
		b.WriteString(".SH ARGUMENTS\n")
		for _, p := range n.Positional {
			fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(strings.ToUpper(p.Name)), roff(p.Help))
		}
	}
	var commands []*kong.Node
	for _, c := range n.Children {
		if c.Type == kong.CommandNode && !c.Hidden {
			commands = append(commands, c)
		}
	}
	if len(commands) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range commands {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(pageName(c)), roff(c.Help))
		}
	}
	b.WriteString(".SH OPTIONS\nEvery option is also an environment variable, in brackets.\n")
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			fmt.Fprintf(&b, ".TP\n%s\n%s\n", roff(option(f)), roff(f.Help+variables(f)))
		}
	}
	b.WriteString(".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nfailed; one line says what, why and what to do\n.TP\n2\nthe check found something\n.TP\n64\nwrong usage\n")
	if n.Parent == nil {
		b.WriteString(".SH FILES\n.TP\n.I /var/lib/hearth\nthe service's footage, events and settings\n.TP\n.I /etc/default/hearth\nthe service's options\n")
	} else {
		b.WriteString(".SH SEE ALSO\n.BR hearth (1)\n")
	}
	return b.String()
}

// usage is what follows a command's words.
func usage(n *kong.Node) string {
	var parts []string
	if len(n.Children) > 0 {
		parts = append(parts, "COMMAND")
	}
	parts = append(parts, "[OPTION…]")
	for _, p := range n.Positional {
		name := strings.ToUpper(p.Name)
		if !p.Required {
			name = "[" + name + "]"
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, " ")
}

func option(f *kong.Flag) string {
	s := "--" + f.Name
	if f.Short != 0 {
		s = fmt.Sprintf("-%c, %s", f.Short, s)
	}
	if !f.IsBool() {
		s += "=" + f.FormatPlaceHolder()
	}
	return s
}

func variables(f *kong.Flag) string {
	if len(f.Envs) == 0 {
		return ""
	}
	return " [$" + strings.Join(f.Envs, ", $") + "]"
}

// lower makes a help text what stands behind a name: no capital, no full stop, its first sentence.
func lower(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	first = strings.TrimSuffix(first, ".")
	if first == "" {
		return "a network video recorder that your family owns"
	}
	return strings.ToLower(first[:1]) + first[1:]
}

// roff keeps a text from being taken for troff's own words.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "’", `\(cq`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// completion is bash's: commands, then their options; files for all else.
func completion(root *kong.Node) string {
	var cases strings.Builder
	each(root, func(n *kong.Node) {
		fmt.Fprintf(&cases, "    %q) words=%q ;;\n", strings.Join(words(n), " "), strings.Join(choices(n), " "))
	})
	return fmt.Sprintf(`# bash completion for hearth(1)
_hearth() {
  local cur=${COMP_WORDS[COMP_CWORD]} said= word words
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) said="${said:+$said }$word" ;; esac
  done
  case $said in
    "") words=%q ;;
%s    *) words= ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
complete -o filenames -F _hearth hearth
`, strings.Join(choices(root), " "), cases.String())
}

// choices are the words that may follow a command's.
func choices(n *kong.Node) []string {
	var all []string
	for _, c := range n.Children {
		if c.Type == kong.CommandNode && !c.Hidden {
			all = append(all, c.Name)
		}
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			all = append(all, "--"+f.Name)
		}
	}
	return all
}
