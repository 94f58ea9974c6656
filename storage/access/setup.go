package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

var (
	// ErrSetUp says that the box has an owner already.
	ErrSetUp = errors.New("this box has an owner already")
	// ErrSetupCode says that the setup code is needed, or that it is wrong.
	ErrSetupCode = errors.New("the setup code is needed: run `hearth setup-code` on the box")
)

// setupOpen is how long after its first start the box can be given an owner from the home without the code.
const setupOpen = time.Hour

const setupCodeSetting = "setup-code"

// First is who becomes the first owner.
type First struct {
	Name, Password string
	Code           string // may be empty while SetupState says so
	From           netip.Addr
}

// SetupState says whether the box still waits for its first owner, and whether one who comes from this address needs
// the setup code.
func (a *Access) SetupState(from netip.Addr) (waiting, needsCode bool, err error) {
	err = a.box.View(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket([]byte(box.UsersBucket)).Cursor().First()
		waiting = k == nil
		return nil
	})
	return waiting, !IsHome(from) || !a.inFirstHour(), err
}

// inFirstHour goes by the clock that cannot be set where it can: a box without a battery learns the time minutes
// after its first start, and that must not end the hour.
func (a *Access) inFirstHour() bool {
	if a.box.Fresh() {
		return time.Since(a.started) < setupOpen
	}
	since := time.Since(a.box.Created())
	return since >= 0 && since < setupOpen
}

// Setup makes the first owner. Errors: ErrSetUp, ErrSetupCode, *BadInput, *BusyError.
func (a *Access) Setup(ctx context.Context, f First) (Person, error) {
	waiting, needsCode, err := a.SetupState(f.From)
	if err != nil {
		return Person{}, err
	}
	if !waiting {
		return Person{}, ErrSetUp
	}
	if needsCode || f.Code != "" {
		// Guessing the code is limited like guessing a password.
		if wait := a.attempts.begin("", f.From); wait > 0 {
			return Person{}, &BusyError{RetryAfter: wait}
		}
		code, err := a.SetupCode()
		if err != nil {
			return Person{}, err
		}
		given := strings.ToUpper(strings.TrimSpace(f.Code))
		if code == "" || subtle.ConstantTimeCompare([]byte(given), []byte(code)) != 1 {
			return Person{}, ErrSetupCode
		}
		a.attempts.succeeded("", f.From)
	}
	p, err := a.addPerson(ctx, f.Name, f.Password, Owner, func(tx *bbolt.Tx, _ media.UUID) error {
		if k, _ := tx.Bucket([]byte(box.UsersBucket)).Cursor().First(); k != nil {
			return ErrSetUp
		}
		return nil
	})
	if err != nil {
		return Person{}, err
	}
	return p, a.dropSetupCode()
}

// SetupCode is what proves that somebody is at the box itself; "" once there is an owner.
func (a *Access) SetupCode() (code string, err error) {
	_, err = a.box.Setting(setupCodeSetting, &code)
	return code, err
}

// prepareSetup makes the code when there is no owner, and puts it where `hearth setup-code` finds it while another
// process has hearth.db open.
func (a *Access) prepareSetup() error {
	waiting, _, err := a.SetupState(netip.Addr{})
	if err != nil {
		return err
	}
	if !waiting {
		return a.dropSetupCode()
	}
	code, err := a.SetupCode()
	if err != nil {
		return err
	}
	if code == "" {
		code = rand.Text()[:4] + "-" + rand.Text()[:4]
		if err := a.box.PutSetting(setupCodeSetting, code); err != nil {
			return err
		}
	}
	file := a.SetupCodeFile()
	temp, err := os.CreateTemp(filepath.Dir(file), ".setup-code-*")
	if err != nil {
		return fmt.Errorf("write the setup code: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(code + "\n")
	if err := errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("write the setup code: %w", err)
	}
	if err := os.Rename(temp.Name(), file); err != nil {
		return fmt.Errorf("write the setup code: %w", err)
	}
	return nil
}

func (a *Access) dropSetupCode() error {
	if code, err := a.SetupCode(); err != nil {
		return err
	} else if code != "" {
		if err := a.box.RemoveSetting(setupCodeSetting); err != nil {
			return err
		}
	}
	if err := os.Remove(a.SetupCodeFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the setup code: %w", err)
	}
	return nil
}
