package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"hearth/storage/keyring"
)

type sealKeyCmd struct {
	Data string `help:"The service's data folder. Default: ${default}." default:"/var/lib/hearth" type:"path" placeholder:"DIR"`
	Undo bool   `help:"Put the key back into a file of the data folder, as before the machine's board or its firmware is changed."`
}

// waiting is at the end of the key's file while the service is tried without it.
const waiting = ".sealed"

// Run moves the box's key into the keeping of systemd, or out of it. At every moment there is a copy that opens.
func (c *sealKeyCmd) Run(p *program) error {
	if os.Geteuid() != 0 {
		return errors.New("only root can have systemd seal the key: sudo hearth seal-key")
	}
	if err := boxIn(c.Data); err != nil {
		return err
	}
	if c.Undo {
		return c.undo(p)
	}
	key, err := keyring.ReadBoxKey(c.Data)
	if errors.Is(err, os.ErrNotExist) {
		if key, err := unsealKey(p.ctx, sealedKey); err == nil {
			left := filepath.Join(c.Data, keyring.BoxKeyFile+waiting) // by one that was cut short
			if err := keyring.WipeBoxKey(left, key); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			fmt.Fprintln(p.stdout, "The key is sealed already; there is no file of it.")
			return nil
		}
	}
	if err != nil {
		return err
	}
	// What seals it can die: with the board, or with the system's disk.
	if there, err := filepath.Glob(filepath.Join(c.Data, "media", "snapshots", "*.age")); err != nil || len(there) == 0 {
		return errors.New("make the recovery key first and put it away (on the page: Storage, Recovery key): without it, all footage is lost with what seals this key")
	}
	if !running(p) {
		return errors.New("hearth.service does not run: start it first, for only then it shows that the sealed key works")
	}
	with, err := c.seal(p, key)
	if err != nil {
		return err
	}
	if err := c.move(p, key); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "The key is sealed with %s, in %s, and the service runs with it. Its file is gone from %s.\n", with, sealedKey, c.Data)
	return nil
}

// seal makes sealedKey and sees that it opens. with says, for the owner, what opens it.
func (c *sealKeyCmd) seal(p *program, key []byte) (with string, err error) {
	args := []string{"encrypt", "--name=" + keyring.BoxKeyFile, "--with-key=host"}
	with = "a key that is on this system's disk alone (/var/lib/systemd/credential.secret): who takes other disks, or a backup, cannot open anything; who takes that one can"
	if exec.CommandContext(p.ctx, "systemd-creds", "has-tpm2", "--quiet").Run() == nil {
		// Bound to no register: an update of the firmware is no reason to lose a house's footage.
		args = []string{"encrypt", "--name=" + keyring.BoxKeyFile, "--with-key=host+tpm2", "--tpm2-pcrs="}
		with = "this machine's TPM: who takes the disks without the machine cannot open anything"
	}
	if err := os.MkdirAll(filepath.Dir(sealedKey), 0o700); err != nil {
		return "", err
	}
	if there, err := os.ReadFile(sealedKey); err == nil {
		opened, err := unsealKey(p.ctx, sealedKey)
		if err != nil || !bytes.Equal(opened, key) {
			return "", fmt.Errorf("%s (%d bytes) holds another box's key, or does not open; move it away first", sealedKey, len(there))
		}
	}
	fresh := sealedKey + ".new"
	defer os.Remove(fresh) // after the rename there is nothing of that name
	if _, err := systemdCreds(p.ctx, key, append(args, "-", fresh)...); err != nil {
		return "", err
	}
	opened, err := unsealKey(p.ctx, fresh)
	if err != nil || !bytes.Equal(opened, key) {
		return "", errors.Join(errors.New("what systemd sealed does not open again; nothing was changed"), err)
	}
	return with, moveDurably(fresh, sealedKey)
}

// move has the service start without the file, and removes it when that works; otherwise it puts it back.
func (c *sealKeyCmd) move(p *program, key []byte) error {
	path := filepath.Join(c.Data, keyring.BoxKeyFile)
	if err := moveDurably(path, path+waiting); err != nil {
		return err
	}
	if err := restart(p); err != nil {
		err = fmt.Errorf("the service does not start with the sealed key; its file is back, and nothing was changed: %w", err)
		return errors.Join(err, moveDurably(path+waiting, path), os.Remove(sealedKey), restart(p))
	}
	return keyring.WipeBoxKey(path+waiting, key)
}

func (c *sealKeyCmd) undo(p *program) error {
	key, err := unsealKey(p.ctx, sealedKey)
	if err != nil {
		return fmt.Errorf("%w; with the recovery key, hearth restore puts the key back", err)
	}
	owner := func() error { return keyring.PutBoxKey(c.Data, key) }
	if err := errors.Join(actAsOwner(c.Data), owner()); err != nil {
		return err
	}
	err = asCaller(func() error {
		if err := os.Remove(sealedKey); err != nil || !running(p) {
			return err
		}
		return restart(p)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "The key is in %s again; seal-key seals it anew.\n", filepath.Join(c.Data, keyring.BoxKeyFile))
	return nil
}

func running(p *program) bool {
	return exec.CommandContext(p.ctx, "systemctl", "is-active", "--quiet", "hearth.service").Run() == nil
}

// restart starts the service anew, and waits until it says that it is ready.
func restart(p *program) error {
	if out, err := exec.CommandContext(p.ctx, "systemctl", "restart", "hearth.service").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

func moveDurably(from, to string) error {
	if f, err := os.Open(from); err != nil {
		return err
	} else if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
