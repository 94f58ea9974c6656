package access_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

func TestSetup(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		from  netip.Addr
		after time.Duration
		code  func(right string) string
		want  error
	}{
		"from home":                    {from: home},
		"from home with the code":      {from: home, code: same},
		"from home with a wrong code":  {from: home, code: func(string) string { return "AAAA-AAAA" }, want: access.ErrSetupCode},
		"from home a minute too late":  {from: home, after: 61 * time.Minute, want: access.ErrSetupCode},
		"from home late with the code": {from: home, after: 1000 * time.Hour, code: same},
		"in small letters":             {from: home, after: 1000 * time.Hour, code: func(s string) string { return " " + strings.ToLower(s) + "\n" }},
		"from the Internet":            {from: away, want: access.ErrSetupCode},
		"from the Internet with it":    {from: away, code: same},
		"from nowhere":                 {want: access.ErrSetupCode},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := accesstest.Open(t)
				code, err := os.ReadFile(a.SetupCodeFile())
				must(t, err)
				time.Sleep(c.after)
				f := access.First{Name: "Ada", Password: accesstest.Password, From: c.from}
				if c.code != nil {
					f.Code = c.code(strings.TrimSpace(string(code)))
				}
				p, err := a.Setup(ctx, f)
				if !errors.Is(err, c.want) {
					t.Fatalf("got %v", err)
				}
				if c.want != nil {
					if people, _ := a.People(); len(people) != 0 {
						t.Error("somebody was added")
					}
					return
				}
				if p.Role != access.Owner {
					t.Errorf("%+v", p)
				}
				if _, err := os.Stat(a.SetupCodeFile()); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the code is still there: %v", err)
				}
				f.Name = "Eve"
				if _, err := a.Setup(ctx, f); !errors.Is(err, access.ErrSetUp) {
					t.Errorf("a second time: %v", err)
				}
			})
		})
	}
}

func same(code string) string { return code }

// The hour counts from the first start, not from the last one.
func TestSetupHourIsNotStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "hearth.db")
		var first string
		for i, want := range []bool{false, false, true} {
			b, err := box.Open(path)
			must(t, err)
			a, err := access.Open(b, access.WithHash(accesstest.Hash()))
			must(t, err)
			waiting, needsCode, err := a.SetupState(home)
			if err != nil || !waiting || needsCode != want {
				t.Errorf("start %d: waiting %v, needs the code %v, %v", i, waiting, needsCode, err)
			}
			code, err := a.SetupCode()
			must(t, err)
			if first == "" {
				first = code
			}
			if code != first || len(code) != 9 {
				t.Errorf("start %d: another code", i)
			}
			must(t, b.Close())
			time.Sleep(40 * time.Minute)
		}
	})
}

func TestSetupCodeCannotBeGuessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := accesstest.Open(t)
		looked := 0
		for range 1000 {
			_, err := a.Setup(context.Background(), access.First{Name: "Eve", Password: accesstest.Password, Code: "AAAA-AAAA", From: away})
			if errors.Is(err, access.ErrSetupCode) {
				looked++
			}
		}
		if looked > 10 {
			t.Errorf("%d codes were looked at in no time", looked)
		}
	})
}

func TestOneFirstOwner(t *testing.T) {
	a, _ := accesstest.Open(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := a.Setup(context.Background(), access.First{Name: "Ada" + string(rune('0'+i)), Password: accesstest.Password, From: home})
			var busy *access.BusyError
			if err != nil && !errors.Is(err, access.ErrSetUp) && !errors.As(err, &busy) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if people, err := a.People(); err != nil || len(people) != 1 {
		t.Errorf("%v, %v", people, err)
	}
}

func TestIsHome(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "192.168.0.9": true, "172.16.5.5": true, "172.32.0.1": false,
		"::ffff:192.168.0.9": true, "fe80::1%eth0": true, "fd00::5": true, "169.254.3.4": true,
		"8.8.8.8": false, "203.0.113.9": false, "::ffff:8.8.8.8": false, "2606:4700::1111": false, "0.0.0.0": false,
		"100.64.0.1": false,
	} {
		if got := access.IsHome(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if access.IsHome(netip.Addr{}) {
		t.Error("no address at all is at home")
	}
}
