package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"hearth/storage/access"
	"hearth/storage/box"
)

// userCmd works on hearth.db itself: whoever can read that file owns the box anyway.
type userCmd struct {
	List   userListCmd   `cmd:"" help:"List who can log in."`
	Add    userAddCmd    `cmd:"" help:"Add a person. The password is read from the input, or made up and printed."`
	Passwd userPasswdCmd `cmd:"" help:"Give a person a new password, which logs them out everywhere."`
	Remove userRemoveCmd `cmd:"" help:"Remove a person."`
	Factor userFactorCmd `cmd:"" name:"drop-factor" help:"Take a person's second factor away, for who has lost the phone: the password alone opens then."`
}

// people opens who may use a box. The box may not be running: it alone writes its file.
func people(data string, use func(*access.Access) error) error {
	if err := errors.Join(boxIn(data), actAsOwner(data)); err != nil {
		return err
	}
	b, err := box.Open(filepath.Join(data, "hearth.db"))
	if err != nil {
		return stopFirst(err)
	}
	defer b.Close()
	a, err := access.Open(b)
	if err != nil {
		return err
	}
	return use(a)
}

// person finds somebody by name.
func person(a *access.Access, name string) (access.Person, error) {
	all, err := a.People()
	if err != nil {
		return access.Person{}, err
	}
	for _, p := range all {
		if strings.EqualFold(p.Name, name) {
			return p, nil
		}
	}
	return access.Person{}, fmt.Errorf("nobody here is called %q; hearth user list says who there is", name)
}

// logged writes what was done on the box into the audit log.
func logged(a *access.Access, act, detail string) error {
	return a.Audit(access.Entry{Act: act, Name: "on the box", Detail: detail})
}

// password reads one line, or makes a password up where nobody types one.
func password(p *program, in *os.File) (string, error) {
	info, err := in.Stat()
	if err == nil && info.Mode()&os.ModeCharDevice == 0 && info.Mode()&os.ModeNamedPipe == 0 && !info.Mode().IsRegular() {
		return madeUp(p)
	}
	if err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprint(p.stderr, "New password (empty: make one up): ")
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line != "" {
		return line, nil
	}
	return madeUp(p)
}

func madeUp(p *program) (string, error) {
	word := strings.ToLower(rand.Text()[:20])
	fmt.Fprintln(p.stdout, "password:", word)
	return word, nil
}

type userListCmd struct {
	dataFlag `embed:""`
}

// Run prints a table.
func (c *userListCmd) Run(p *program) error {
	return people(c.Data, func(a *access.Access) error {
		all, err := a.People()
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tROLE\tSINCE")
		for _, who := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\n", who.Name, who.Role, who.Created.Format("2006-01-02"))
		}
		return w.Flush()
	})
}

type userAddCmd struct {
	dataFlag `embed:""`
	Name     string `arg:"" help:"The person's name."`
	Role     string `help:"owner, adult or guest." enum:"owner,adult,guest" default:"adult"`
}

// Run adds somebody.
func (c *userAddCmd) Run(p *program) error {
	return people(c.Data, func(a *access.Access) error {
		word, err := password(p, os.Stdin)
		if err != nil {
			return err
		}
		all, err := a.People()
		if err != nil {
			return err
		}
		if len(all) == 0 {
			code, err := a.SetupCode()
			if err != nil {
				return err
			}
			_, err = a.Setup(p.ctx, access.First{Name: c.Name, Password: word, Code: code, From: netip.IPv6Loopback()})
			return err
		}
		if _, err := a.AddPerson(p.ctx, c.Name, word, access.Role(c.Role)); err != nil {
			return err
		}
		return logged(a, "user.add", c.Name)
	})
}

type userPasswdCmd struct {
	dataFlag `embed:""`
	Name     string `arg:"" help:"The person's name."`
}

// Run changes a password.
func (c *userPasswdCmd) Run(p *program) error {
	return people(c.Data, func(a *access.Access) error {
		who, err := person(a, c.Name)
		if err != nil {
			return err
		}
		word, err := password(p, os.Stdin)
		if err != nil {
			return err
		}
		if _, err := a.ChangePerson(p.ctx, who.ID, access.Change{Password: &word}); err != nil {
			return err
		}
		return logged(a, "user.passwd", who.Name)
	})
}

type userRemoveCmd struct {
	dataFlag `embed:""`
	Name     string `arg:"" help:"The person's name."`
}

// Run removes somebody.
func (c *userRemoveCmd) Run(*program) error {
	return people(c.Data, func(a *access.Access) error {
		who, err := person(a, c.Name)
		if err != nil {
			return err
		}
		if err := a.RemovePerson(who.ID); err != nil {
			return err
		}
		return logged(a, "user.remove", who.Name)
	})
}

type userFactorCmd struct {
	dataFlag `embed:""`
	Name     string `arg:"" help:"The person's name."`
}

// Run leaves somebody with the password alone.
func (c *userFactorCmd) Run(*program) error {
	return people(c.Data, func(a *access.Access) error {
		who, err := person(a, c.Name)
		if err != nil {
			return err
		}
		if err := a.RemoveFactors(who.ID); err != nil {
			return err
		}
		return logged(a, "user.factors", who.Name)
	})
}

type setupCodeCmd struct {
	dataFlag `embed:""`
}

// Run prints the code, which lies beside hearth.db while the box has no owner, also while the box runs.
func (c *setupCodeCmd) Run(p *program) error {
	code, err := os.ReadFile(filepath.Join(c.Data, "setup-code"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no setup code in %s: the box has an owner already, or has not been started yet", c.Data)
	case err != nil:
		return fmt.Errorf("read the setup code: %w", err)
	}
	fmt.Fprintln(p.stdout, strings.TrimSpace(string(code)))
	return nil
}
