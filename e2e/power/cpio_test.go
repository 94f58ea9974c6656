package power

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
)

// TestCPIO reads an archive as the kernel does: headers of 110 characters, name and content each padded to four bytes.
func TestCPIO(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := &cpio{w: &b, made: make(map[string]bool)}
	for name, content := range map[string]string{"init": "1", "usr/bin/hearth": "12345", "usr/bin/other": ""} {
		c.file(name, 0o755, []byte(content))
	}
	if err := c.end(); err != nil {
		t.Fatal(err)
	}

	all := b.Bytes()
	found := make(map[string]string)
	for {
		if string(all[:6]) != "070701" {
			t.Fatalf("no header at %d: %q", b.Len()-len(all), all[:6])
		}
		field := func(i int) int {
			n, err := strconv.ParseInt(string(all[6+8*i:14+8*i]), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		mode, size, named := field(1), field(6), field(11)
		name := strings.TrimSuffix(string(all[110:110+named]), "\x00")
		content := (110 + named + 3) &^ 3
		found[name] = strconv.FormatInt(int64(mode), 8) + " " + string(all[content:content+size])
		if all = all[(content+size+3)&^3:]; name == "TRAILER!!!" {
			break
		}
	}
	if len(all) != 0 {
		t.Errorf("%d bytes behind the end", len(all))
	}
	want := map[string]string{
		"init": "100755 1", "usr": "40755 ", "usr/bin": "40755 ", "usr/bin/hearth": "100755 12345", "usr/bin/other": "100755 ",
		"TRAILER!!!": "0 ",
	}
	for name, is := range want {
		if found[name] != is {
			t.Errorf("%s is %q, want %q", name, found[name], is)
		}
	}
	if len(found) != len(want) {
		t.Errorf("found %q", found)
	}
}
