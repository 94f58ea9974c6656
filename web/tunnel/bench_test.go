package tunnel

import (
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// processor is the time that this process has used: the box's end and the phone's.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the memory of this process, in bytes.
func resident(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var pages float64
	for i, f := range strings.Fields(string(raw)) {
		if i == 1 {
			for _, d := range f {
				pages = pages*10 + float64(d-'0')
			}
		}
	}
	return pages * float64(os.Getpagesize())
}

// BenchmarkDownload is one device that takes as much as it gets, both ends in this process.
func BenchmarkDownload(b *testing.B) {
	x := openBox(b)
	block := make([]byte, 1<<20)
	x.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	p := x.add(2)
	at := "http://" + netip.AddrPortFrom(x.place.V4, pagePort).String()
	p.http.Timeout = 0
	before, start, n := processor(b), time.Now(), int64(0)
	for b.Loop() {
		r, err := p.http.Get(at)
		if err != nil {
			b.Fatal(err)
		}
		k, err := io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if err != nil {
			b.Fatal(err)
		}
		n += k
	}
	mb := float64(n) / 1e6
	b.ReportMetric(mb/time.Since(start).Seconds(), "MB/s")
	b.ReportMetric((processor(b)-before).Seconds()*1000/mb, "cpu-ms/MB-both-ends")
	b.ReportMetric(resident(b)/1e6, "MB-resident")
}

// BenchmarkRequest is one small request after the other on one connection.
func BenchmarkRequest(b *testing.B) {
	x := openBox(b)
	x.serve(sayWhose)
	p := x.add(2)
	if _, err := p.get(x.place.V4); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.get(x.place.V4); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(resident(b)/1e6, "MB-resident")
}
