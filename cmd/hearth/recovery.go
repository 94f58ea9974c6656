package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"hearth/storage"
)

type recoveryKeyCmd struct {
	dataFlag `embed:""`
	Yes      bool `help:"Do not ask before an older recovery key is replaced."`
}

// Run makes the key. What it prints is a key file of age as it is, so that it may be kept as a file too.
func (c *recoveryKeyCmd) Run(p *program) error {
	boxKey, err := p.tool(c.Data)
	if err != nil {
		return err
	}
	store, err := storage.Open(storage.Options{Dir: c.Data, Log: p.log, BoxKey: boxKey})
	if err != nil {
		return stopFirst(err)
	}
	key, err := c.make(p, store)
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "# The recovery key of the Hearth in %s, made %s.\n"+
		"# Print this, or write it down, and keep it away from the box: in another house, or with your papers.\n"+
		"# With it and the box's disk you get your footage and settings back: hearth salvage, hearth restore.\n"+
		"# So does whoever else has both. It is not kept on the box; hearth recovery-key makes another.\n%s\n",
		c.Data, time.Now().Format("2006-01-02 15:04"), key)
	if err != nil {
		return fmt.Errorf("the key was made and could not be printed (%w); make another", err)
	}
	return nil
}

func (c *recoveryKeyCmd) make(p *program, store *storage.Store) (string, error) {
	if made := store.Recovery().Made; !made.IsZero() && !c.Yes {
		fmt.Fprintf(p.stderr, "There is a recovery key already, made %s. A new one makes it worthless. Make a new one? [y/N] ",
			made.Local().Format("2006-01-02 15:04"))
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
			return "", errors.New("nothing was changed; --yes makes a new recovery key without asking")
		}
	}
	return store.MakeRecoveryKey()
}
