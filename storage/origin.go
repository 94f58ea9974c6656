package storage

import "hearth/storage/segment"

// Origin says where a piece lies, for who has to prove that it is what was recorded and that nothing is missing.
type Origin struct {
	Header segment.Header  // of its file
	Table  []segment.Entry // of its file, as far as it is durable; not to be changed
	Record int             // the piece's number in it
	// Notes are those of its file since the piece before: gaps, clock steps, ends of runs.
	Notes []segment.Note
}

// origin gives where record i lies, which is the one to be given out next.
func (f *Footage) origin(i int) Origin {
	o := Origin{Header: f.source.reader.Header(), Table: f.source.reader.Table(), Record: i, Notes: f.notes}
	f.notes = nil
	return o
}

// noteIn takes the notes among the records from..to-1 of a file. One that cannot be read says nothing.
func (f *Footage) noteIn(c *source, from, to int) {
	table := c.reader.Table()
	for i := from; i < to; i++ {
		if table[i].Type != segment.NoteRecord {
			continue
		}
		raw, err := c.reader.Payload(i, nil)
		if err != nil {
			continue
		}
		if n, err := segment.ParseNote(raw); err == nil && n.Kind != segment.NoteTracks {
			f.notes = append(f.notes, n)
		}
	}
}
