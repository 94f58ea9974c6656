package camera

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtp"

	"hearth/nvr/media"
	"hearth/nvr/media/fixedseed"
)

// benchCameras is as in docs/design/budget.md: 16 cameras of 1080p15 H.264 at 4 Mbit/s.
const benchCameras = 16

// TestMain lets the test binary be the server of BenchmarkReceive in a process of its own.
func TestMain(m *testing.M) {
	if file := os.Getenv("HEARTH_CAMERA_BENCH"); file != "" {
		if err := serveBench(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(fixedseed.Main(m))
}

// BenchmarkReceive measures what it costs to receive and join the pictures of 16 cameras, without doing anything with
// them: CPU seconds for each camera and minute, of this process, by getrusage.
//
//	go test -run '^$' -bench Receive -benchtime 1x ./nvr/camera
func BenchmarkReceive(b *testing.B) {
	file := benchClip(b)
	for _, c := range []struct {
		name  string
		quick bool
	}{{"SO_RCVLOWAT", false}, {"every packet", true}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				benchReceive(b, file, c.quick)
			}
		})
	}
}

func benchReceive(b *testing.B, file string, quick bool) {
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), "HEARTH_CAMERA_BENCH="+file)
	server.Stderr = os.Stderr
	in, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		in.Close() // it ends with its standard input
		server.Wait()
	}()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	sink := &counting{}
	cameras := make([]*Camera, benchCameras)
	for i := range cameras {
		cameras[i] = &Camera{Config: Config{URL: fmt.Sprintf("rtsp://%s/%d", strings.TrimSpace(address), i)}, Main: sink}
		cameras[i].SetLowLatency(media.Main, quick)
		wg.Go(func() { cameras[i].Run(ctx) })
	}
	sink.until(b, benchCameras*15*6) // all run, and have found how often to be woken
	before, units := usage(), sink.units.Load()
	reads := readsOf(cameras)
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	begin := time.Now()
	sink.until(b, units+benchCameras*15*20)
	spent := usage() - before
	minutes := time.Since(begin).Minutes() * benchCameras
	reads = readsOf(cameras) - reads
	runtime.ReadMemStats(&m1)
	var n Counters
	for _, c := range cameras {
		k := c.Counters(media.Main)
		n.Lost += k.Lost
		n.Dropped += k.Dropped
	}
	b.ReportMetric(spent.Seconds()/minutes, "cpu-s/camera-min")
	b.ReportMetric(float64(sink.bytes.Load())*8/1e6/float64(sink.units.Load())*15, "Mbit/s")
	b.ReportMetric(float64(m1.Mallocs-m0.Mallocs)/float64(sink.units.Load()-units), "allocs/picture")
	b.ReportMetric(float64(n.Lost+n.Dropped), "lost")
	b.ReportMetric(float64(reads)/minutes/60, "reads/s")
	b.ReportMetric(0, "ns/op")
}

// readsOf counts how often data was fetched from the kernel.
func readsOf(cameras []*Camera) (n uint64) {
	for _, c := range cameras {
		n += c.counted[media.Main].reads.Load()
	}
	return n
}

// usage is what this process has spent, by getrusage.
func usage() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// counting is a Sink that only counts, for all cameras together.
type counting struct{ units, bytes atomic.Int64 }

func (c *counting) StartRun(*media.Run) {}
func (c *counting) WriteUnit(_ *media.Run, au *media.AccessUnit) {
	c.units.Add(1)
	c.bytes.Add(int64(len(au.Data)))
}
func (c *counting) EndRun(*media.Run, string) {}

func (c *counting) until(b *testing.B, n int64) {
	b.Helper()
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	deadline := time.Now().Add(2 * time.Minute)
	for c.units.Load() < n {
		if time.Now().After(deadline) {
			b.Fatalf("%d pictures came in, want %d", c.units.Load(), n)
		}
		<-t.C
	}
}

// benchClip makes four seconds of noisy 1080p15 at 4 Mbit/s and puts its packets into a file for the server.
func benchClip(b *testing.B) string {
	b.Helper()
	c := makeClip(b, recipe{seconds: 4, fps: 15, gop: 30, width: 1920, height: 1080, noise: true})
	p := c.packetizerOf(b, 1400)
	var pictures [][][]byte
	for _, pic := range c.pictures {
		var packets [][]byte
		for _, q := range p.packets(b, pic.nals, 0) {
			packets = append(packets, must(q.Marshal()))
		}
		pictures = append(pictures, packets)
	}
	file := filepath.Join(b.TempDir(), "packets.json")
	if err := os.WriteFile(file, must(json.Marshal(pictures)), 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}

// serveBench plays a file of benchClip on 16 paths, until its standard input ends.
func serveBench(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var pictures [][][]byte
	if err := json.Unmarshal(raw, &pictures); err != nil {
		return err
	}
	f := (&fakeCamera{paths: map[string]*playing{}})
	if err := f.listen("127.0.0.1:0"); err != nil {
		return err
	}
	var streams []*gortsplib.ServerStream
	for i := range benchCameras {
		d := &description.Session{Medias: []*description.Media{{Type: description.MediaTypeVideo, Formats: []format.Format{&format.H264{PayloadTyp: 96, PacketizationMode: 1}}}}}
		s := &gortsplib.ServerStream{Server: f.server, Desc: d}
		if err := s.Initialize(); err != nil {
			return err
		}
		streams = append(streams, s)
		f.streams.Store(fmt.Sprintf("/%d", i), s)
	}
	fmt.Println(f.address)
	over := make(chan struct{})
	go func() {
		os.Stdin.Read(make([]byte, 1))
		close(over)
	}()
	for i, s := range streams {
		go func() {
			var number uint16
			ts := uint32(i) * 1000
			t := time.NewTicker(time.Second / 15)
			for n := 0; ; n++ {
				<-t.C
				for _, b := range pictures[n%len(pictures)] {
					var q rtp.Packet
					if q.Unmarshal(b) != nil {
						continue
					}
					number++
					q.SequenceNumber, q.Timestamp = number, ts
					_ = s.WritePacketRTP(s.Desc.Medias[0], &q)
				}
				ts += 6000
			}
		}()
	}
	<-over
	return nil
}
