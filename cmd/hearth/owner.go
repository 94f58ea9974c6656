package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"hearth/storage/keyring"
)

// sealedKey is the box's key as `hearth seal-key` leaves it, for systemd to hand to the service.
const sealedKey = "/etc/credstore.encrypted/hearth.box.key"

// tool makes ready to work on a box that does not run: it has to be there. Where root runs the tool, key is the box's from
// what systemd keeps, if it keeps it, and all else happens as the data folder's owner: what root would make there, the service
// could not open.
func (p *program) tool(data string) (key []byte, err error) {
	if err := boxIn(data); err != nil {
		return nil, err
	}
	if key, err = keptKey(p.ctx, data); err != nil {
		return nil, err
	}
	return key, actAsOwner(data)
}

// keptKey has systemd open the box's key; nil: there is a file in the data folder, or nothing that is sealed.
func keptKey(ctx context.Context, data string) ([]byte, error) {
	if _, err := os.Lstat(filepath.Join(data, keyring.BoxKeyFile)); !errors.Is(err, fs.ErrNotExist) || os.Geteuid() != 0 || os.Getenv("CREDENTIALS_DIRECTORY") != "" {
		return nil, nil
	}
	if _, err := os.Stat(sealedKey); err != nil {
		return nil, nil //nolint:nilerr // the keyring says that there is none
	}
	return unsealKey(ctx, sealedKey)
}

func unsealKey(ctx context.Context, path string) ([]byte, error) {
	return systemdCreds(ctx, nil, "decrypt", "--name="+keyring.BoxKeyFile, path, "-")
}

// systemdCreds runs systemd-creds(1), which needs root.
func systemdCreds(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "systemd-creds", args...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("systemd-creds %s: %w: %s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return out.Bytes(), nil
}

// actAsOwner makes root act as the owner of a folder from here on; see asCaller.
func actAsOwner(folder string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	var s unix.Stat_t
	if err := unix.Stat(folder, &s); err != nil {
		return fmt.Errorf("look at %s: %w", folder, err)
	}
	if s.Uid == 0 {
		return nil
	}
	if err := errors.Join(syscall.Setgroups([]int{int(s.Gid)}), syscall.Setresgid(-1, int(s.Gid), -1), syscall.Setresuid(-1, int(s.Uid), -1)); err != nil {
		return fmt.Errorf("act as the owner of %s: %w", folder, err)
	}
	return nil
}

// asCaller does something as who called the tool: what is written elsewhere is theirs. Nothing else may be under way.
func asCaller(do func() error) error {
	is, group, caller := os.Geteuid(), os.Getegid(), os.Getuid()
	if is == caller {
		return do()
	}
	if err := errors.Join(syscall.Setresuid(-1, caller, -1), syscall.Setresgid(-1, os.Getgid(), -1)); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, syscall.Setresgid(-1, group, -1), syscall.Setresuid(-1, is, -1))
}
