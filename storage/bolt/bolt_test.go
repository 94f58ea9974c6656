package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// sample makes a database with every kind of page: small buckets inside a leaf, large ones with branches, values that
// overflow a page, and freed pages.
func sample(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sample.db")
	err := Create(path, func(tx *bbolt.Tx) error {
		small, err := tx.CreateBucket([]byte("small"))
		if err != nil {
			return err
		}
		if err := small.Put([]byte("k"), []byte("v")); err != nil {
			return err
		}
		large, err := tx.CreateBucket([]byte("large"))
		if err != nil {
			return err
		}
		for i := range 600 {
			if err := large.Put(fmt.Appendf(nil, "key %06d", i), bytes.Repeat([]byte{byte(i)}, 90)); err != nil {
				return err
			}
		}
		return large.Put([]byte("long"), make([]byte, 9000))
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i := range 5 {
		if err := db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("large")).Delete(fmt.Appendf(nil, "key %06d", i*100))
		}); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestOpenWhole(t *testing.T) {
	db, err := Open(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if n, err := readAll(db); err != nil || n != 600-5+1+1 {
		t.Fatalf("%d records, %v", n, err)
	}
}

// readAll reads every record as a caller would; a panic is an error.
func readAll(db *bbolt.DB) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return n, db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(_, v []byte) error {
				n++
				_ = bytes.Count(v, []byte{0})
				return nil
			})
		})
	})
}

func TestOpenBad(t *testing.T) {
	whole, err := os.ReadFile(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	newest := 0
	if m1, ok := parseMeta(whole[4096+headerSize:]); ok {
		if m0, _ := parseMeta(whole[headerSize:]); m1.txid > m0.txid {
			newest = 4096
		}
	}
	root, _ := parseMeta(whole[newest+headerSize:])
	with := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(whole)) }
	for name, content := range map[string][]byte{
		"empty":            {},
		"text":             []byte("this is no database\n"),
		"zeros":            make([]byte, len(whole)),
		"half":             whole[:len(whole)/2],
		"first page only":  whole[:4096],
		"both metas":       with(func(b []byte) []byte { b[30] ^= 1; b[4096+30] ^= 1; return b }),
		"root page zeroed": with(func(b []byte) []byte { clear(b[root.root*4096 : root.root*4096+4096]); return b }),
		"root page count":  with(func(b []byte) []byte { b[root.root*4096+10] = 0xff; b[root.root*4096+11] = 0xff; return b }),
		"root page is itself": with(func(b []byte) []byte {
			p := b[root.root*4096:]
			value := headerSize + int(p[headerSize+4]) + int(p[headerSize+8]) // of the first element, the large bucket
			copy(p[value:], []byte{byte(root.root), byte(root.root >> 8), 0, 0, 0, 0, 0, 0})
			return b
		}),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := Open(path)
			if !errors.Is(err, ErrDamaged) {
				if err == nil {
					db.Close()
				}
				t.Fatalf("got %v", err)
			}
			if bytes.ContainsRune([]byte(err.Error()), '\n') {
				t.Errorf("more than a line: %q", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, content) {
				t.Error("the damaged file was changed")
			}
		})
	}
}

func TestOneTornMetaIsFine(t *testing.T) {
	path := sample(t)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A power cut while a meta page is written leaves the state before that commit.
	for _, at := range []int{0, 4096} {
		torn := bytes.Clone(b)
		torn[at+headerSize+50] ^= 0xff
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(path)
		if err != nil {
			t.Fatalf("meta page at %d torn: %v", at, err)
		}
		if n, err := readAll(db); err != nil || n < 590 {
			t.Errorf("%d records, %v", n, err)
		}
		db.Close()
	}
}

// However a file was damaged: it is refused, or everything in it can be read and written without a panic.
func TestDamage(t *testing.T) {
	whole, err := os.ReadFile(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged.db")
	refused := 0
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(whole)
		for range rapid.IntRange(1, 4).Draw(t, "wounds") {
			at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			if rapid.Bool().Draw(t, "in a page's beginning") {
				at = at/4096*4096 + at%64
			}
			copy(b[at:], rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "bytes"))
		}
		if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
			b = b[:rapid.IntRange(0, len(b)).Draw(t, "length")]
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(path)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			if strings.Contains(err.Error(), "freepages") || strings.Contains(err.Error(), "assertion") {
				t.Fatalf("bbolt found what the check did not: %v", err)
			}
			refused++
			return
		}
		defer db.Close()
		if _, err := readAll(db); err != nil {
			t.Fatal(err)
		}
	})
	if refused == 0 {
		t.Error("nothing was refused: the test damages nothing")
	}
}

func FuzzCheck(f *testing.F) {
	whole, err := os.ReadFile(sample(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{}, uint32(0), []byte{}, uint32(len(whole)))
	f.Add(uint32(4096+16), []byte{1}, uint32(3*4096), bytes.Repeat([]byte{0xff}, 16), uint32(20000))
	f.Fuzz(func(t *testing.T, at1 uint32, wound1 []byte, at2 uint32, wound2 []byte, cut uint32) {
		b := bytes.Clone(whole)
		copy(b[int(at1)%len(b):], wound1)
		copy(b[int(at2)%len(b):], wound2)
		b = b[:min(int(cut), len(b))]
		if err := Check(bytes.NewReader(b), int64(len(b))); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	})
}

func TestInUse(t *testing.T) {
	path := sample(t)
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
	db.Close()
	db, err = Open(path)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
}

func TestCreateReplacesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, func(*bbolt.Tx) error { return nil }); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("now %q", b)
	}
}

func TestCreateFailsWhole(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("broken")
	if err := Create(filepath.Join(dir, "x.db"), func(*bbolt.Tx) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRewriteForgets(t *testing.T) {
	path := sample(t)
	secret := []byte("a secret of 32 bytes that is let go")
	for _, change := range []func(b *bbolt.Bucket) error{
		func(b *bbolt.Bucket) error { return b.Put([]byte("secret"), secret) },
		func(b *bbolt.Bucket) error { return b.Delete([]byte("secret")) },
	} {
		db, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket([]byte("large"))) }); err != nil {
			t.Fatal(err)
		}
		db.Close()
	}
	if b, _ := os.ReadFile(path); !bytes.Contains(b, secret) {
		t.Fatal("bbolt left nothing behind: the test proves nothing")
	}
	if err := Rewrite(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || bytes.Contains(b, secret) {
		t.Errorf("the secret is still there (%v)", err)
	}
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if n, err := readAll(db); err != nil || n != 597 {
		t.Errorf("%d records, %v", n, err)
	}
}

// Whatever was written and deleted: what bbolt commits passes the check.
func TestWholeFilesPass(t *testing.T) {
	path := sample(t)
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.NoSync = true
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rapid.Check(t, func(t *rapid.T) {
		if err := db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("large"))
			for range rapid.IntRange(1, 60).Draw(t, "changes") {
				key := fmt.Appendf(nil, "key %06d", rapid.IntRange(0, 2000).Draw(t, "key"))
				var err error
				if rapid.Bool().Draw(t, "delete") {
					err = b.Delete(key)
				} else {
					err = b.Put(key, make([]byte, rapid.IntRange(0, 700).Draw(t, "size")))
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(f, info.Size()); err != nil {
			t.Fatal(err)
		}
	})
}
