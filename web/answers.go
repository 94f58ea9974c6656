package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// answerWithin is how long the page may take to say that it is there.
const answerWithin = 10 * time.Second

// Answers asks the page over its own port, as a browser would, whether it is there; an error says how it is not.
func (s *Server) Answers(ctx context.Context) error {
	host, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	own := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(host, port))
		},
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, //nolint:gosec // it is compared with the certificate that we serve
			VerifyConnection: func(c tls.ConnectionState) error {
				leaf, err := s.authority.certificate(nil)
				if err != nil {
					return err
				}
				if !bytes.Equal(c.PeerCertificates[0].Raw, leaf.Certificate[0]) {
					return errors.New("somebody else answers on this port")
				}
				return nil
			},
		},
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://localhost/healthz", nil)
	if err != nil {
		return err
	}
	answer, err := own.Do(r)
	if err != nil {
		return fmt.Errorf("the page does not answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the page answers %s", answer.Status)
	}
	return nil
}
