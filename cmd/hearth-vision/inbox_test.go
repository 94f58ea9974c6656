//go:build cgo

package main

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/vision/protocol"
)

// given reads messages into an inbox.
func given(t *testing.T, i *inbox, messages ...protocol.Message) {
	t.Helper()
	var b bytes.Buffer
	for _, m := range messages {
		if err := protocol.Write(&b, m); err != nil {
			t.Fatal(err)
		}
	}
	i.read(&b)
	i.err = nil // as if more could come
}

func unit(at int64, key bool) protocol.Unit {
	return protocol.Unit{At: at, Key: key, Data: bytes.Repeat([]byte{byte(at)}, 1000)}
}

func TestTheInboxCatchesUpAtTheNewestKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newInbox()
		given(t, i, unit(1, true), unit(2, false), unit(3, true), unit(4, false), unit(5, true), unit(6, false))
		time.Sleep(lagLimit - time.Millisecond)
		if n := i.catchUp(lagLimit); n != 0 {
			t.Errorf("%d units were dropped before their time", n)
		}
		time.Sleep(time.Millisecond)
		if n := i.catchUp(lagLimit); n != 4 {
			t.Errorf("%d units were dropped, not those before the newest key frame", n)
		}
		for _, want := range []int64{5, 6} {
			m, err := i.next(time.Second)
			if u, ok := m.(protocol.Unit); !ok || err != nil || u.At != want || !bytes.Equal(u.Data, unit(want, true).Data) {
				t.Errorf("got %v, %v; want unit %d", m, err, want)
			}
		}
		if i.bytes != 0 {
			t.Errorf("%d bytes are said to wait in an empty inbox", i.bytes)
		}
	})
}

// Whatever comes in, and however it is taken out: what is counted is what waits, and it stays within bounds.
func FuzzInbox(f *testing.F) {
	var said bytes.Buffer
	for _, m := range []protocol.Message{unit(1, true), unit(2, false), protocol.Picture{ID: 1}, unit(3, true), protocol.Config{Codec: "h264"}} {
		if err := protocol.Write(&said, m); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(said.Bytes(), []byte{0, 1, 0, 2, 1})
	f.Add(said.Bytes()[3:], []byte{1, 1})
	f.Fuzz(func(t *testing.T, in, steps []byte) {
		i := newInbox()
		done := make(chan struct{})
		go func() {
			i.read(bytes.NewReader(in))
			close(done)
		}()
		take := func() bool {
			m, err := i.next(time.Minute)
			if u, ok := m.(protocol.Unit); ok {
				i.shelf.put(u.Data)
			}
			return err == nil
		}
		for _, s := range steps {
			if s%2 == 0 {
				i.catchUp(0)
			} else if !take() {
				break
			}
			i.mu.Lock()
			bytes := 0
			for _, m := range i.messages {
				bytes += size(m.Message)
			}
			if bytes != i.bytes || len(i.messages) > maxInbox || bytes > maxInboxBytes+protocol.MaxBody {
				t.Errorf("%d messages of %d bytes wait, %d are counted", len(i.messages), bytes, i.bytes)
			}
			i.mu.Unlock()
		}
		for take() {
		}
		<-done
		if i.bytes != 0 || i.shelf.bytes > maxShelfBytes || len(i.shelf.free) > maxShelf {
			t.Errorf("%d bytes are said to wait in an empty inbox, %d on the shelf", i.bytes, i.shelf.bytes)
		}
	})
}

func TestTheInboxWaitsForSoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newInbox()
		begun := time.Now()
		if m, err := i.next(2 * time.Second); m != nil || err != nil || time.Since(begun) != 2*time.Second {
			t.Errorf("%v, %v after %v", m, err, time.Since(begun))
		}
		i.read(bytes.NewReader(nil))
		if _, err := i.next(time.Hour); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v", err)
		}
	})
}

// What a GOP leaves behind is used again for the next one, and no unit's memory is given to two.
func TestMemoryOfUnitsIsUsedAgain(t *testing.T) {
	i := newInbox()
	g := gop{shelf: &i.shelf}
	known := map[*byte]bool{}
	fresh := 0
	for at := int64(1); at <= 300; at++ {
		given(t, i, unit(at, at%30 == 1))
		m, err := i.next(time.Second)
		u, ok := m.(protocol.Unit)
		if err != nil || !ok || !g.add(u) {
			t.Fatalf("unit %d: %v, %v", at, m, err)
		}
		if p := &u.Data[0]; !known[p] {
			known[p] = true
			fresh++
		}
		if u.Key {
			g.cut()
		}
		for _, u := range g.units {
			if !bytes.Equal(u.Data, unit(u.At, false).Data) {
				t.Fatalf("at unit %d, unit %d has other bytes than its own", at, u.At)
			}
		}
	}
	if fresh > 35 {
		t.Errorf("%d buffers were made for GOPs of 30 units", fresh)
	}
	if len(g.units) != 30 || g.bytes != 30*1000 {
		t.Errorf("%d units of %d bytes are kept", len(g.units), g.bytes)
	}
}

func TestTheShelfIsBounded(t *testing.T) {
	var s shelf
	for range 1000 {
		s.put(make([]byte, 0, 100<<10))
	}
	if s.bytes > maxShelfBytes || len(s.free) > maxShelf {
		t.Errorf("%d buffers of %d bytes", len(s.free), s.bytes)
	}
	for range 1000 {
		s.put(make([]byte, 0, 10))
	}
	if len(s.free) > maxShelf {
		t.Errorf("%d buffers", len(s.free))
	}
	if b := s.take(16 << 20); b != nil {
		t.Errorf("%d bytes for what was only announced", cap(b))
	}
	if b := s.take(90 << 10); cap(b) != 100<<10 || len(b) != 0 {
		t.Errorf("%d of %d bytes", len(b), cap(b))
	}
	if b := s.take(100); cap(b) >= 100<<10 {
		t.Errorf("a small unit took the memory of a large one: %d bytes", cap(b))
	}
}
