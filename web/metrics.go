package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hearth/nvr/camera"
	"hearth/nvr/media"
	"hearth/storage/access"
)

// meter counts what the web room does. Metrics of cameras are read when somebody asks, with that person's grants.
type meter struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	seconds     prometheus.Histogram
	wrongLogins prometheus.Counter
}

func newMeter(version string) *meter {
	m := &meter{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hearth_http_requests_total", Help: "Requests by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hearth_http_seconds", Help: "How long requests took, those that stream left out.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
		}),
		wrongLogins: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hearth_wrong_logins_total", Help: "Logins with a wrong name or password.",
		}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "hearth_info", Help: "The running version.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.seconds, m.wrongLogins, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// metered counts requests. Routes are counted by their pattern: an address may name what the reader may not know.
func (s *Server) metered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		route := c.Path()
		if route == "" {
			route = "none"
		}
		s.meter.requests.WithLabelValues(knownMethod(c.Request().Method), route, strconv.Itoa(c.Response().Status)).Inc()
		if kind := c.Response().Header().Get("Content-Type"); kind != "" && kind != "text/event-stream" && !strings.HasPrefix(kind, "video/") {
			s.meter.seconds.Observe(time.Since(began).Seconds())
		}
		return nil
	}
}

// knownMethod bounds the label: a client can send any word as a method.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return m
	}
	return "other"
}

func (s *Server) writeMetrics(ctx context.Context, c echo.Context) error {
	h, err := s.metricsFor(visitorOf(ctx).grants)
	if err != nil {
		return problemOf(s.Log, err)
	}
	h.ServeHTTP(c.Response(), c.Request())
	return nil
}

// metricsFor writes the metrics of the box and of the cameras that there are grants for.
func (s *Server) metricsFor(grants []access.Grant) (http.Handler, error) {
	own := prometheus.NewRegistry()
	if err := own.Register(&reading{s: s, grants: grants}); err != nil {
		return nil, err
	}
	return promhttp.HandlerFor(prometheus.Gatherers{s.meter.registry, own}, promhttp.HandlerOpts{DisableCompression: true}), nil
}

// reading is what one asker gets to know about disk and cameras.
type reading struct {
	s      *Server
	grants []access.Grant
}

// Describe implements prometheus.Collector; with nothing described, names are checked as they come.
func (r *reading) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (r *reading) Collect(out chan<- prometheus.Metric) {
	u := r.s.Store.Usage()
	gauge := func(name, help string, v float64, labels ...string) {
		sample(out, prometheus.GaugeValue, name, help, v, labels)
	}
	count := func(name, help string, v float64, labels ...string) {
		sample(out, prometheus.CounterValue, name, help, v, labels)
	}
	gauge("hearth_footage_bytes", "All footage.", float64(u.Bytes))
	gauge("hearth_footage_limit_bytes", "The limit of all footage; 0 for none.", float64(u.Limit))
	gauge("hearth_disk_free_bytes", "Free on the volume.", float64(u.Free))
	gauge("hearth_disk_bytes", "Size of the volume.", float64(u.Size))
	gauge("hearth_disk_full", "1 while nothing can be recorded because nothing can be let go.", truth(u.Full))
	for _, d := range u.Volumes {
		gauge("hearth_volume_well", "1 while the disk can be recorded to.", truth(d.State == "well"), "volume", d.ID.String(), "path", d.Path)
		gauge("hearth_volume_bytes", "Footage on the disk.", float64(d.Bytes), "volume", d.ID.String(), "path", d.Path)
		gauge("hearth_volume_free_bytes", "Free on the disk.", float64(d.Free), "volume", d.ID.String(), "path", d.Path)
	}
	gauge("hearth_footage_at_risk_seconds", "Age of the oldest fragment that is not on the disk yet.", u.AtRisk.Seconds())
	gauge("hearth_commit_seconds", "How long the last commit took.", u.CommitTime.Seconds())
	count("hearth_commit_seconds_total", "How long all commits took.", u.CommitTotal.Seconds())
	count("hearth_commits_total", "Commits.", float64(u.Commits))
	count("hearth_write_calls_total", "Write calls of footage.", float64(u.WriteCalls))
	count("hearth_written_bytes_total", "Bytes of footage written.", float64(u.WrittenBytes))
	count("hearth_syncs_total", "Syncs of footage.", float64(u.Syncs))
	count("hearth_write_failures_total", "Writes that failed.", float64(u.WriteFailures))
	count("hearth_fragments_dropped_total", "Fragments that were not kept because the disk was behind.", float64(u.Dropped))
	for place, n := range r.s.Store.Bell().Counts() {
		count("hearth_alarms_total", "Times that something of one camera was found where only another's may be. It was not shown.", float64(n), "place", string(place))
	}
	for _, g := range r.grants {
		id := g.Camera().String()
		used := u.Cameras[g.Camera()]
		gauge("hearth_camera_footage_bytes", "Footage of a camera.", float64(used.Bytes), "camera", id)
		count("hearth_camera_fragments_dropped_total", "Fragments of a camera that were not kept.", float64(used.Dropped), "camera", id)
		state, err := r.s.Cameras.State(g)
		if err != nil {
			continue // just being started or stopped
		}
		gauge("hearth_camera_up", "1 while pictures come in.", truth(state.Status == camera.Online), "camera", id)
		gauge("hearth_camera_viewers", "Who watches live.", float64(state.Viewers), "camera", id)
		for stream, i := range map[media.Stream]*camera.StreamInfo{media.Main: state.Main, media.Sub: state.Sub} {
			if i != nil {
				gauge("hearth_camera_fps", "Pictures per second.", i.FPS, "camera", id, "stream", stream.String())
				gauge("hearth_camera_bits_per_second", "What comes in.", float64(i.BitsPerSecond), "camera", id, "stream", stream.String())
			}
		}
		for stream, c := range state.Recording {
			gauge("hearth_camera_recording", "1 while fragments are kept.", truth(c.Recording), "camera", id, "stream", stream.String())
			count("hearth_camera_fragments_total", "Fragments recorded.", float64(c.Fragments), "camera", id, "stream", stream.String())
			count("hearth_camera_recorded_bytes_total", "Bytes recorded, before sealing.", float64(c.Bytes), "camera", id, "stream", stream.String())
		}
		count("hearth_vision_restarts_total", "How often the worker was started anew.", float64(state.Vision.Restarts), "camera", id)
		count("hearth_vision_cpu_seconds_total", "Processor time of the worker.", state.Vision.CPU, "camera", id)
		gauge("hearth_vision_resident_bytes", "Memory of the worker.", float64(state.Vision.RSS), "camera", id)
		count("hearth_vision_looks_total", "Pictures that were looked at.", float64(state.Vision.Looks), "camera", id)
		count("hearth_vision_hardware_failures_total", "How often hardware that decoded was left for software.", float64(state.Vision.HardwareFailures), "camera", id)
		if by := state.Vision.Decoder; by != "" {
			gauge("hearth_vision_decoder", "1 for what decodes now.", 1, "camera", id, "decoder", by)
		}
		count("hearth_vision_dropped_total", "Units that the worker did not get.", float64(state.Vision.Dropped), "camera", id)
		count("hearth_vision_pictures_received_total", "Pictures that the worker got, coded.", float64(state.Vision.Received), "camera", id)
		count("hearth_vision_pictures_decoded_total", "Pictures that the worker decoded.", float64(state.Vision.Decoded), "camera", id)
		gauge("hearth_vision_mode", "1 for the mode that the worker is in.", 1, "camera", id, "mode", state.Vision.Mode)
		gauge("hearth_vision_cpu_seconds_per_minute", "Processor time of the worker per minute, over the last minutes.", state.Vision.Cost.CPU, "camera", id)
		gauge("hearth_vision_hint_trust", "How far the sizes of pictures are trusted to foretell motion, 0 to 1.", state.Vision.Hint.Trust, "camera", id)
		count("hearth_vision_hints_total", "How often the size of a picture made the worker look.", float64(state.Vision.Hint.Led), "camera", id)
		count("hearth_vision_hints_right_total", "How often something moved then.", float64(state.Vision.Hint.Right), "camera", id)
	}
}

func sample(out chan<- prometheus.Metric, kind prometheus.ValueType, name, help string, v float64, labels []string) {
	var names, values []string
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	m, err := prometheus.NewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, v, values...)
	if err != nil {
		m = prometheus.NewInvalidMetric(prometheus.NewDesc(name, help, names, nil), err)
	}
	out <- m
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
