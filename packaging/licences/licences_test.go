package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
)

const mit = `MIT License

Copyright (c) 2024 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files
(the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge,
publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do
so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`

const gpl = `This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License as
published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

This program is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied warranty of
MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the GNU General Public License for more details.

You should have received a copy of the GNU General Public License along with this program. If not, see
<https://www.gnu.org/licenses/>.
`

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		err              error
	}{
		{"MIT", mit, "MIT", nil},
		{"copyleft", gpl, "", errRefused},
		{"copyleft beside MIT", mit + gpl, "", errRefused},
		{"nobody knows it", "Do what you like on Tuesdays.", "", errUnknown},
		{"MIT with as much again that nobody knows", mit + strings.Repeat("And on Tuesdays you owe us a cake with candles. ", 20), "", errUnknown},
		{"empty", "", "", errUnknown},
		{"a choice", "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */\n" + gpl, "BSD-3-Clause", nil},
		{"a choice without a good one", "/* SPDX-License-Identifier: GPL-2.0-only OR AGPL-3.0-only */\n", "", errRefused},
		{"no choice", "/* SPDX-License-Identifier: AGPL-3.0-only */\n" + mit, "", errRefused},
	} {
		got, err := judge(c.body)
		if strings.Join(got, " ") != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v; want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// TestOurs holds what is in Hearth's programs against what may be in them.
func TestOurs(t *testing.T) {
	all, err := linked(t.Context(), filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"std", "go.etcd.io/bbolt", "github.com/asticode/go-astiav", "kernel.org/pub/linux/libs/security/libcap/psx"} {
		if !slices.ContainsFunc(all, func(w work) bool { return w.name == want }) {
			t.Errorf("%s is in the programs and was not found", want)
		}
	}
	for _, w := range all {
		for _, tool := range []string{"licensecheck", "rapid", "cyclonedx"} {
			if strings.Contains(w.name, tool) {
				t.Errorf("%s is in no program", w.name)
			}
		}
	}
	page := filepath.Join("..", "..", "web", "ui", "dist", "licences.json")
	if _, err := os.Stat(page); errors.Is(err, os.ErrNotExist) {
		t.Skip("the page is not built here")
	}
	packages, err := bundled(page)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(packages, func(w work) bool { return w.name == "svelte" }) {
		t.Errorf("the page is made with svelte, but is said to contain %v", packages)
	}
}

func TestNothingWithoutALicence(t *testing.T) {
	dir := t.TempDir()
	if _, err := read(work{}, nil); err == nil {
		t.Error("a module without a licence passed")
	}
	if _, err := given("ffmpeg", "7.1", dir); err == nil {
		t.Error("a folder without a licence passed")
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte(mit), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := given("x264", "1", dir); err == nil {
		t.Error("something in C of which nobody has said what licence it has passed")
	}
	page := filepath.Join(dir, "licences.json")
	for _, content := range []string{"[]", "{}", `[{"name":"x","version":"1","identifier":"MIT"}]`, `[{"name":"x","version":"1","identifier":"MIT","text":"GPL"}]`} {
		if err := os.WriteFile(page, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := bundled(page); err == nil {
			t.Errorf("the page's %s passed", content)
		}
	}
}

func TestEachTextOnce(t *testing.T) {
	var b bytes.Buffer
	one := work{"golang", "one", "1", []string{"MIT"}, []text{{"LICENSE", mit}}}
	two := work{"golang", "two", "2", []string{"MIT"}, []text{{"LICENSE.md", mit + "\n"}, {"NOTICE", "by Two"}}}
	if err := write(&b, []work{one, two}); err != nil {
		t.Fatal(err)
	}
	s := b.String()
	if strings.Count(s, "Permission is hereby") != 1 || !strings.Contains(s, "one 1, LICENSE\ntwo 2, LICENSE.md\n") || !strings.Contains(s, "by Two") {
		t.Errorf("it is written like this:\n%s", s)
	}
}

// TestBill reads the bill of materials as others do.
func TestBill(t *testing.T) {
	var b bytes.Buffer
	all := []work{{kind: "deb", name: "ffmpeg", version: "7.1.5-0+deb13u1", licences: []string{"LGPL-2.1-or-later"}}, {kind: "golang", name: "example.org/one", version: "v1.0.0", licences: []string{"MIT", "ISC"}}}
	if err := writeBill(&b, "0.1.0", "1700000000", all); err != nil {
		t.Fatal(err)
	}
	var bill cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(&b, cyclonedx.BOMFileFormatJSON).Decode(&bill); err != nil {
		t.Fatal(err)
	}
	if bill.Metadata.Timestamp != "2023-11-14T22:13:20Z" || bill.Metadata.Component.Version != "0.1.0" || len(*bill.Components) != len(all) {
		t.Errorf("the bill is %+v", bill)
	}
	if c := (*bill.Components)[0]; c.PackageURL != "pkg:deb/debian/ffmpeg@7.1.5-0+deb13u1?arch=source" || (*c.Licenses)[0].License.ID != "LGPL-2.1-or-later" {
		t.Errorf("FFmpeg is %+v", c)
	}
	if c := (*bill.Components)[1]; c.PackageURL != "pkg:golang/example.org/one@v1.0.0" || len(*c.Licenses) != 2 {
		t.Errorf("a module is %+v", c)
	}
	if err := writeBill(&b, "0.1.0", "yesterday", all); err == nil {
		t.Error("a time that is none passed")
	}
}
