package web

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestNewsOutlastSilence leaves a stream without news for longer than one event may take to be written.
func TestNewsOutlastSilence(t *testing.T) {
	t.Parallel()
	const patience = 50 * time.Millisecond
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				w := &newsWriter{w: rw, control: http.NewResponseController(rw), patience: patience}
				if err := w.send("first", struct{}{}); err != nil {
					t.Errorf("first: %v", err)
				}
				silence := time.NewTimer(4 * patience)
				defer silence.Stop()
				select {
				case <-silence.C:
				case <-r.Context().Done():
					t.Error("the stream ended while there was nothing to tell")
				}
				if err := w.send("second", struct{}{}); err != nil {
					t.Errorf("second: %v", err)
				}
			}))
			server.EnableHTTP2 = protocol == "HTTP/2.0"
			server.StartTLS()
			defer server.Close()
			resp, err := server.Client().Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.Proto != protocol {
				t.Fatalf("spoke %s", resp.Proto)
			}
			var events []string
			lines := bufio.NewScanner(resp.Body)
			for lines.Scan() {
				if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
					events = append(events, name)
				}
			}
			if err := lines.Err(); err != nil || strings.Join(events, " ") != "first second" {
				t.Errorf("heard %v, %v", events, err)
			}
		})
	}
}
