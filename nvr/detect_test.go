package nvr

import (
	"slices"
	"testing"

	"hearth/nvr/media"
)

// diary is a sink that writes down what it gets.
type diary struct{ lines []string }

func (d *diary) StartRun(r *media.Run) { d.lines = append(d.lines, "start "+r.Stream.String()) }
func (d *diary) WriteUnit(r *media.Run, au *media.AccessUnit) {
	d.lines = append(d.lines, "unit "+r.Stream.String()+" "+string(au.Data))
}

func (d *diary) EndRun(r *media.Run, reason string) {
	d.lines = append(d.lines, "end "+r.Stream.String()+": "+reason)
}

func (d *diary) take() []string {
	lines := d.lines
	d.lines = nil
	return lines
}

func TestDetectPrefersTheSubStream(t *testing.T) {
	t.Parallel()
	var worker diary
	d := detect{to: &worker}
	mainSink, subSink := d.sink(media.Main), d.sink(media.Sub)
	tracks := []media.Track{{Codec: media.H264}, {Codec: media.AAC}}
	mainRun := &media.Run{Stream: media.Main, Tracks: tracks}
	subRun := &media.Run{Stream: media.Sub, Tracks: tracks}
	unit := func(track int, data string) *media.AccessUnit {
		return &media.AccessUnit{Track: track, Data: []byte(data)}
	}

	for _, step := range []struct {
		name string
		do   func()
		want []string
	}{
		{"main comes first", func() { mainSink.StartRun(mainRun) }, []string{"start main"}},
		{"its pictures are looked at", func() { mainSink.WriteUnit(mainRun, unit(0, "m1")) }, []string{"unit main m1"}},
		{"sound is not", func() { mainSink.WriteUnit(mainRun, unit(1, "a1")) }, nil},
		{"sub takes over", func() { subSink.StartRun(subRun) }, []string{"end main: looking at the other stream", "start sub"}},
		{"main is passed by", func() { mainSink.WriteUnit(mainRun, unit(0, "m2")) }, nil},
		{"sub is looked at", func() { subSink.WriteUnit(subRun, unit(0, "s1")) }, []string{"unit sub s1"}},
		{"sub is lost", func() { subSink.EndRun(subRun, "connection lost") }, []string{"end sub: connection lost", "start main"}},
		{"a late unit of it", func() { subSink.WriteUnit(subRun, unit(0, "s2")) }, nil},
		{"main is lost", func() { mainSink.EndRun(mainRun, "stopped") }, []string{"end main: stopped"}},
	} {
		step.do()
		if got := worker.take(); !slices.Equal(got, step.want) {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

func TestDetectWithoutWorker(t *testing.T) {
	t.Parallel()
	var d detect
	run := &media.Run{Tracks: []media.Track{{Codec: media.H264}}}
	sink := d.sink(media.Main)
	sink.StartRun(run)
	sink.WriteUnit(run, &media.AccessUnit{})
	sink.EndRun(run, "stopped")
	if d.current != nil {
		t.Error("something is looked at by nobody")
	}
}
