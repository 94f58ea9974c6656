package layer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	journalMagic  = "HEARTHJ1"
	journalHeader = 28
	recordHeader  = 20
	journalPage   = 4096
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journal is the file of the changes since the last fold.
type journal struct {
	file *os.File
	size int64
	position
	written int64 // bytes, by pages that were touched
}

// position is where the next record goes, and which one it is.
type position struct {
	at         int64
	generation uint64
	number     uint32
}

// readJournal reads the records of the generations after folded from the journal at path and calls each with their
// payloads. When there is none, or it is another database's, j is nil.
func readJournal(path string, id []byte, folded uint64, each func(payload []byte) error) (j *journal, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // as said above
	}
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(raw) < journalHeader || !bytes.Equal(raw[:journalHeader], journalBeginning(id)) {
		f.Close()
		return nil, nil //nolint:nilnil // as said above
	}
	j = &journal{file: f, size: int64(len(raw))}
	j.begin(folded + 1)
	last := position{at: journalHeader}
	for {
		payload, ok := last.record(raw)
		if !ok {
			return j, nil
		}
		if last.generation <= folded {
			continue
		}
		if err := each(payload); err != nil {
			f.Close()
			return nil, fmt.Errorf("read %s: record %d: %w", path, last.number, err)
		}
		j.position = last
	}
}

// record takes the record at the position from the whole file and goes behind it. Generations do not go down: what
// comes then is left from before the file was written over.
func (p *position) record(raw []byte) (payload []byte, ok bool) {
	b := raw[p.at:]
	if len(b) < recordHeader {
		return nil, false
	}
	n := uint64(binary.BigEndian.Uint32(b))
	generation, number := binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint32(b[16:])
	follows := generation == p.generation && number == p.number || generation > p.generation && number == 0
	if n == 0 || n > uint64(len(b)-recordHeader) || !follows ||
		crc32.Checksum(b[8:recordHeader+n], castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return nil, false
	}
	p.at, p.generation, p.number = p.at+recordHeader+int64(n), generation, number+1
	return b[recordHeader : recordHeader+n], true
}

func journalBeginning(id []byte) []byte {
	b := append([]byte(journalMagic), id...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// makeJournal makes a journal in place of what lies at path. It is written whole, so that appending never needs a new
// block.
func makeJournal(path string, id []byte, size int64) (j *journal, err error) {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(temp)
		}
	}()
	content := make([]byte, size)
	copy(content, journalBeginning(id))
	if _, err := f.WriteAt(content, 0); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	if err := os.Rename(temp, path); err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return &journal{file: f, size: size, written: size}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// fits says whether a payload can be appended.
func (j *journal) fits(payload []byte) bool {
	return j.at+int64(recordHeader+len(payload)) <= j.size && int64(len(payload)) < j.size/2
}

// append writes a record and syncs it.
func (j *journal) append(payload []byte) error {
	b := make([]byte, recordHeader, recordHeader+len(payload))
	binary.BigEndian.PutUint32(b, uint32(len(payload)))
	binary.BigEndian.PutUint64(b[8:], j.generation)
	binary.BigEndian.PutUint32(b[16:], j.number)
	b = append(b, payload...)
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	if _, err := j.file.WriteAt(b, j.at); err != nil {
		return err
	}
	for {
		err := unix.Fdatasync(int(j.file.Fd()))
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("sync %s: %w", j.file.Name(), err)
		}
	}
	end := j.at + int64(len(b))
	j.written += ((end-1)/journalPage - j.at/journalPage + 1) * journalPage
	j.at = end
	j.number++
	return nil
}

// begin begins a generation, after a fold made those before it void.
func (j *journal) begin(generation uint64) {
	j.position = position{at: journalHeader, generation: generation}
}

// skip begins a generation behind what is there, after a fold of which nobody knows whether it was done.
func (j *journal) skip(generation uint64) { j.generation, j.number = generation, 0 }
