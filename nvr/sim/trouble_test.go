package sim_test

import (
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"hearth/nvr/media"
	"hearth/nvr/sim"
)

// listener collects what a camera sends, as it comes in from the network.
type listener struct {
	client  *gortsplib.Client
	closed  chan error
	packets chan *rtp.Packet // of video
	sound   chan *rtp.Packet
	reports chan *rtcp.SenderReport
	format  *format.H264
}

// listen plays an address over TCP, where nothing is put back in order.
func listen(t testing.TB, address string) *listener {
	t.Helper()
	l := &listener{
		packets: make(chan *rtp.Packet, 4096), sound: make(chan *rtp.Packet, 4096),
		reports: make(chan *rtcp.SenderReport, 64), closed: make(chan error, 1),
	}
	u, err := base.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	tcp := gortsplib.TransportTCP
	l.client = &gortsplib.Client{
		Transport: &tcp, OnPacketsLost: func(uint64) {}, OnDecodeError: func(error) {},
		ReadTimeout: time.Minute,
	}
	l.client.Scheme, l.client.Host = u.Scheme, u.Host
	if err := l.client.Start2(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	end := func() { once.Do(l.client.Close) }
	t.Cleanup(end)
	desc, _, err := l.client.Describe(u)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.client.SetupAll(desc.BaseURL, desc.Medias); err != nil {
		t.Fatal(err)
	}
	desc.FindFormat(&l.format)
	l.client.OnPacketRTPAny(func(m *description.Media, _ format.Format, p *rtp.Packet) {
		to := l.packets
		if m.Type == description.MediaTypeAudio {
			to = l.sound
		}
		select {
		case to <- p:
		default:
		}
	})
	l.client.OnPacketRTCPAny(func(m *description.Media, p rtcp.Packet) {
		if sr, ok := p.(*rtcp.SenderReport); ok && m.Type == description.MediaTypeVideo {
			select {
			case l.reports <- sr:
			default:
			}
		}
	})
	if _, err := l.client.Play(nil); err != nil {
		t.Fatal(err)
	}
	go func() { l.closed <- l.client.Wait() }()
	return l
}

const patience = 20 * time.Second

func next[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

// until reads packets until one fits.
func (l *listener) until(t *testing.T, what string, fits func(*rtp.Packet) bool) *rtp.Packet {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case p := <-l.packets:
			if fits(p) {
				return p
			}
		case <-deadline:
			t.Fatalf("%s did not come within %v", what, patience)
		}
	}
}

func TestDropAndOfflineEndSessions(t *testing.T) {
	t.Parallel()
	camera := small("door")
	s := serve(t, camera)
	l := listen(t, s.URL(camera, media.Main))
	next(t, l.packets, "packet")
	if n := camera.Watchers(media.Main); n != 1 {
		t.Errorf("%d watchers, want 1", n)
	}
	camera.Trouble.Drop()
	if err := next(t, l.closed, "end of the connection"); err == nil {
		t.Error("the connection ended without an error")
	}
	l = listen(t, s.URL(camera, media.Main))
	next(t, l.packets, "packet after the drop")
	camera.Trouble.Offline(true)
	next(t, l.closed, "end of the connection")
	camera.Trouble.Offline(false)
	l = listen(t, s.URL(camera, media.Main))
	next(t, l.packets, "packet when it is back")
}

func TestStallKeepsTheConnection(t *testing.T) {
	t.Parallel()
	camera := small("door")
	s := serve(t, camera)
	l := listen(t, s.URL(camera, media.Main))
	before := next(t, l.packets, "packet")
	camera.Trouble.Stall(true)
	// Two looks at the count with five pictures' time between them: the first may still see one on its way.
	var count int64
	for same := 0; same < 2; {
		<-time.After(5 * time.Second / 15)
		if c := camera.Count(media.Main); c == count {
			same++
		} else {
			count, same = c, 0
		}
	}
	for len(l.packets) > 0 {
		before = <-l.packets
	}
	camera.Trouble.Stall(false)
	after := next(t, l.packets, "packet after the stall")
	if after.SequenceNumber != before.SequenceNumber+1 {
		t.Errorf("sequence number %d after %d", after.SequenceNumber, before.SequenceNumber)
	}
	if gap := after.Timestamp - before.Timestamp; gap < 2*90000*5/15 {
		t.Errorf("the timestamp went on by %d ticks only", gap)
	}
	select {
	case err := <-l.closed:
		t.Errorf("the connection ended: %v", err)
	default:
	}
}

func TestReorderAndLose(t *testing.T) {
	t.Parallel()
	camera := small("door")
	camera.Main.QP = 14 // several packets for each picture
	s := serve(t, camera)
	l := listen(t, s.URL(camera, media.Main))
	last := next(t, l.packets, "packet").SequenceNumber
	for range 50 {
		p := next(t, l.packets, "packet")
		if p.SequenceNumber != last+1 {
			t.Fatalf("packet %d after %d without any trouble", p.SequenceNumber, last)
		}
		last = p.SequenceNumber
	}
	camera.Trouble.Reorder(5)
	late := l.until(t, "packet out of order", func(p *rtp.Packet) bool {
		back := int16(p.SequenceNumber-last) < 0
		last = max(last, p.SequenceNumber)
		return back
	})
	_ = late
	camera.Trouble.Reorder(0)
	camera.Trouble.Lose(7)
	seen := map[uint16]bool{}
	var first, end uint16
	for i := range 300 {
		p := next(t, l.packets, "packet")
		if i == 0 {
			first = p.SequenceNumber
		}
		seen[p.SequenceNumber] = true
		end = p.SequenceNumber
	}
	lost := 0
	for n := first; n != end; n++ {
		if !seen[n] {
			lost++
		}
	}
	if lost < 300/7-8 || lost > 300/6+8 {
		t.Errorf("%d packets of about 340 are missing, want about a seventh", lost)
	}
}

func TestResizeAndBPicturesChangeTheParameterSets(t *testing.T) {
	t.Parallel()
	camera := small("door")
	s := serve(t, camera)
	l := listen(t, s.URL(camera, media.Main))
	next(t, l.packets, "packet")
	old, _ := l.format.SafeParams()
	for _, change := range []func(){
		func() { camera.Trouble.Resize(media.Main, 352, 288) },
		func() { camera.Trouble.BPictures(true) },
		func() { camera.Trouble.Resize(media.Main, 0, 0); camera.Trouble.BPictures(false) },
	} {
		change()
		dec, err := l.format.CreateDecoder()
		if err != nil {
			t.Fatal(err)
		}
		var sps []byte
		l.until(t, "new parameter sets", func(p *rtp.Packet) bool {
			nals, _ := dec.Decode(p)
			for _, n := range nals {
				if n[0]&31 == 7 && string(n) != string(old) {
					sps = n
				}
			}
			return sps != nil
		})
		old = append([]byte(nil), sps...)
	}
}

// wall is a sender report's time.
func wall(r *rtcp.SenderReport) time.Time {
	return time.Unix(int64(r.NTPTime>>32)-2208988800, int64(float64(uint32(r.NTPTime))/(1<<32)*1e9))
}

func TestClockIsTrueAndJumps(t *testing.T) {
	t.Parallel()
	camera := small("door")
	camera.Sound = sim.PCMA
	s := serve(t, camera)
	l := listen(t, s.URL(camera, media.Main))
	report := next(t, l.reports, "sender report")
	if off := time.Since(wall(report)); off < -50*time.Millisecond || off > 5*time.Second {
		t.Errorf("the sender report is %v off", off)
	}
	// Time of a packet by the report, against when its picture was taken: the first picture of a session.
	p := next(t, l.packets, "packet")
	taken := wall(report).Add(time.Duration(int32(p.Timestamp-report.RTPTime)) * time.Second / 90000)
	n := uint32(0)
	for camera.TakenAt(n).Before(taken.Add(-time.Second / 30)) {
		n++
	}
	if off := camera.TakenAt(n).Sub(taken); off.Abs() > 2*time.Millisecond {
		t.Errorf("timestamps are %v off from picture %d", off, n)
	}
	sound := next(t, l.sound, "packet of sound")
	if len(sound.Payload) != 320 {
		t.Errorf("%d bytes of sound, want 320", len(sound.Payload))
	}

	last := p.Timestamp
	camera.Trouble.JumpClock(-time.Hour)
	l.until(t, "jump of the timestamps", func(p *rtp.Packet) bool {
		back := int32(p.Timestamp-last) < -3500*90000
		last = p.Timestamp
		return back
	})
	camera.Trouble.JumpClock(time.Hour)
	camera.Trouble.JumpNTP(24 * time.Hour)
	for {
		report := next(t, l.reports, "sender report with tomorrow's time")
		if off := time.Until(wall(report)); off > 23*time.Hour && off < 25*time.Hour {
			break
		}
	}
}

func TestSoundSwitchDropsAndOffersATrack(t *testing.T) {
	t.Parallel()
	camera := small("door")
	s := serve(t, camera)
	l := listen(t, s.URL(camera, media.Main))
	next(t, l.packets, "packet")
	camera.Trouble.Sound(sim.AAC)
	next(t, l.closed, "end of the connection")
	l = listen(t, s.URL(camera, media.Main))
	for range 3 {
		next(t, l.sound, "packet of sound")
	}
}

func TestTransportsCanBeRefused(t *testing.T) {
	t.Parallel()
	camera := small("door")
	camera.NoTCP = true
	s := serve(t, camera)
	if out, err := probe(t, s.URL(camera, media.Main)); err == nil {
		t.Errorf("a camera without TCP plays over TCP:\n%s", out)
	}
	pictures(t, "udp", s.URL(camera, media.Main), 320, 180, 3)
}
