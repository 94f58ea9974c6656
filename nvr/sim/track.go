package sim

import (
	"math"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// reportEvery is how often a sender report tells the time.
const reportEvery = 5 * time.Second

// track sends the RTP packets of one media.
type track struct {
	rtsp  *gortsplib.ServerStream
	media *description.Media
	rate  int // ticks per second

	first    uint32 // timestamp of the start
	sequence uint16
	ssrc     uint32
	count    int // packets of all time, for troubles that strike every n-th
	packets  uint32
	octets   uint32
	late     *rtp.Packet // waits to be sent after the next one
	reported time.Duration
}

func newTrack(rtsp *gortsplib.ServerStream, m *description.Media, rate int) *track {
	t := &track{rtsp: rtsp, media: m, rate: rate, reported: -reportEvery}
	t.first, t.sequence = random()
	for _, f := range rtsp.Stats().Medias[m].Formats {
		t.ssrc = f.LocalSSRC
	}
	return t
}

// send sends packets of one timestamp, ticks since the start. at is for gortsplib's RTP-Info.
func (t *track) send(packets []packet, ticks int64, at time.Time, now *troubles) error {
	payloadType := t.media.Formats[0].PayloadType()
	for _, p := range packets {
		t.count++
		pkt := &rtp.Packet{
			Header: rtp.Header{
				Version: 2, PayloadType: payloadType, Marker: p.marker,
				SequenceNumber: t.sequence, Timestamp: t.first + uint32(ticks),
			},
			Payload: p.payload,
		}
		t.sequence++
		t.packets++
		t.octets += uint32(len(p.payload))
		if now.lose > 0 && t.count%now.lose == 0 {
			continue
		}
		if now.reorder > 0 && t.count%now.reorder == 0 && t.late == nil {
			t.late = pkt
			continue
		}
		if err := t.rtsp.WritePacketRTPWithNTP(t.media, pkt, at); err != nil {
			return err
		}
		if late := t.late; late != nil {
			t.late = nil
			if err := t.rtsp.WritePacketRTPWithNTP(t.media, late, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// report sends a sender report (RFC 3550, 6.4.1) when one is due, or now: since the start, wall by the camera's clock.
func (t *track) report(since time.Duration, wall time.Time, jump time.Duration, now bool) error {
	if !now && since-t.reported < reportEvery {
		return nil
	}
	t.reported = since
	return t.rtsp.WritePacketRTCP(t.media, &rtcp.SenderReport{
		SSRC:        t.ssrc,
		NTPTime:     ntp(wall),
		RTPTime:     t.first + uint32(ticks(since+jump, t.rate)),
		PacketCount: t.packets,
		OctetCount:  t.octets,
	})
}

// ntp is a time as seconds since 1900 and parts of 2^32 of a second (RFC 5905).
func ntp(t time.Time) uint64 {
	const since1900 = 2208988800
	fraction := float64(t.Nanosecond()) / 1e9 * (1 << 32)
	return uint64(t.Unix()+since1900)<<32 | uint64(math.Floor(fraction))
}
