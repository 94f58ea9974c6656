package web

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	caLife   = 20 * 365 * 24 * time.Hour
	leafLife = 397 * 24 * time.Hour // what browsers accept at most
	// renewBefore is how long before its end a leaf is replaced.
	renewBefore = 30 * 24 * time.Hour
	// backdated makes up for clocks of phones that are behind.
	backdated = 24 * time.Hour
)

// authorityBegins lies before every Hearth, so that an authority which was made while the box's clock was ahead is good
// once it is set right.
var authorityBegins = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// authority is the box's own certificate authority and the leaf that it serves. The authority can sign only for the
// box's names and for private addresses: whoever trusts it trusts it with nothing else.
type authority struct {
	dir   string          // <data>/tls
	names func() []string // that the box has now: what refresh makes the leaf for
	// since is a time that has surely come: a box without a clock battery begins its life in 1970.
	since time.Time

	ca    *x509.Certificate
	caKey *ecdsa.PrivateKey

	mu   sync.Mutex
	leaf *tls.Certificate
	made []string // the names that the leaf was made for
}

// openAuthority reads the authority in dir, or makes it. A damaged one is an error, not a reason to make another: it
// may be trusted by the family's phones. It vouches for the box's own names and addresses and for the names in own,
// as far as they were known when it was made; since is a time that has surely come.
func openAuthority(dir string, since time.Time, own ...string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the certificate: %w", err)
	}
	a := &authority{dir: dir, since: since, names: func() []string { return localNames(own...) }}
	err := a.load()
	if errors.Is(err, fs.ErrNotExist) {
		err = a.make()
	}
	if err != nil {
		return nil, fmt.Errorf("the box's certificate authority in %s: %w", dir, err)
	}
	if err := a.refresh(); err != nil {
		return nil, fmt.Errorf("make the certificate: %w", err)
	}
	return a, nil
}

// fingerprint is the SHA-256 of the authority's certificate, as browsers show it.
func (a *authority) fingerprint() string {
	sum := sha256.Sum256(a.ca.Raw)
	var parts []string
	for _, b := range sum {
		parts = append(parts, fmt.Sprintf("%02X", b))
	}
	return strings.Join(parts, ":")
}

func (a *authority) load() error {
	pair, err := loadPair(filepath.Join(a.dir, "ca.pem"))
	if err != nil {
		return err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return errors.New("ca.pem is no certificate authority of this box")
	}
	a.ca, a.caKey = pair.Leaf, key
	return nil
}

// make makes the authority, with critical name constraints (RFC 5280, 4.2.1.10).
func (a *authority) make() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	name, _ := os.Hostname()
	dns, _ := split(a.names())
	now := a.now()
	begins := now.Add(-backdated)
	if begins.After(authorityBegins) {
		begins = authorityBegins
	}
	template := &x509.Certificate{
		SerialNumber:                serial(),
		Subject:                     pkix.Name{CommonName: "Hearth on " + name, Organization: []string{"Hearth"}},
		NotBefore:                   begins,
		NotAfter:                    now.Add(caLife),
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         append(dns, "local", "home.arpa"),
		PermittedIPRanges:           privateRanges(),
		// Kinds of names that a constraint does not mention are allowed: here no letter and no address of the web is.
		PermittedEmailAddresses: []string{"nobody.invalid"},
		PermittedURIDomains:     []string{"nobody.invalid"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if err := savePair(filepath.Join(a.dir, "ca.pem"), key, der); err != nil {
		return err
	}
	return a.load()
}

// now is the time, or the latest that has surely come.
func (a *authority) now() time.Time {
	if now := time.Now(); now.After(a.since) {
		return now
	}
	return a.since
}

// refresh makes a new leaf when there is none for the names that the box has now, or the one there is ends soon or begins
// later than now. One that cannot be kept on the disk is served all the same.
func (a *authority) refresh() error {
	names := a.permitted(a.names())
	a.mu.Lock()
	defer a.mu.Unlock()
	path := filepath.Join(a.dir, "leaf.pem")
	if a.leaf == nil {
		if pair, err := loadPair(path); err == nil && pair.Leaf.CheckSignatureFrom(a.ca) == nil {
			a.leaf, a.made = pair, namesOf(pair.Leaf)
		}
	}
	now := a.now()
	if a.leaf != nil && slices.Equal(a.made, names) &&
		a.leaf.Leaf.NotAfter.Sub(now) > renewBefore && !a.leaf.Leaf.NotBefore.After(now) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: names[0], Organization: []string{"Hearth"}},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(leafLife - backdated),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	template.DNSNames, template.IPAddresses = split(names)
	der, err := x509.CreateCertificate(rand.Reader, template, a.ca, key.Public(), a.caKey)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	a.leaf = &tls.Certificate{Certificate: [][]byte{der, a.ca.Raw}, PrivateKey: key, Leaf: leaf}
	a.made = names
	return savePair(path, key, der, a.ca.Raw)
}

// unvouched are the names among these that the authority may not sign for: it was made before they were known.
func (a *authority) unvouched(names []string) []string {
	may := a.permitted(names)
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(may, n) })
}

// permitted leaves out what the authority's constraints do not allow: a public address, or a name that the box got
// after the authority was made.
func (a *authority) permitted(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		if ip := net.ParseIP(n); ip != nil {
			return !slices.ContainsFunc(a.ca.PermittedIPRanges, func(r *net.IPNet) bool { return r.Contains(ip) })
		}
		return !slices.ContainsFunc(a.ca.PermittedDNSDomains, func(d string) bool { return n == d || strings.HasSuffix(n, "."+d) })
	})
}

// certificate is tls.Config.GetCertificate.
func (a *authority) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leaf, nil
}

var hostname = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// localNames are the names and addresses under which the box is reached, with those that it was given: sorted,
// hearth.local first.
func localNames(own ...string) []string {
	names := append([]string{"localhost"}, own...)
	if h, err := os.Hostname(); err == nil {
		if h = strings.ToLower(h); len(h) <= 200 && hostname.MatchString(h) {
			names = append(names, h)
			if !strings.Contains(h, ".") {
				names = append(names, h+".local")
			}
		}
	}
	names = append(names, "127.0.0.1", "::1")
	addresses, _ := net.InterfaceAddrs() // without them the names still serve
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsMulticast() {
			names = append(names, n.IP.String())
		}
	}
	return sortedNames(names)
}

func sortedNames(names []string) []string {
	names = slices.DeleteFunc(names, func(n string) bool { return n == "hearth.local" })
	slices.Sort(names)
	return append([]string{"hearth.local"}, slices.Compact(names)...)
}

// namesOf gives the names of a leaf in the order of localNames.
func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return sortedNames(names)
}

func split(names []string) (dns []string, ips []net.IP) {
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			ips = append(ips, ip)
		} else {
			dns = append(dns, n)
		}
	}
	return dns, ips
}

// privateRanges are the addresses that are nobody's on the Internet, with those of carriers' NAT and of tunnels.
func privateRanges() (ranges []*net.IPNet) {
	for _, r := range []string{
		"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
		"::1/128", "fc00::/7", "fe80::/10",
	} {
		_, n, err := net.ParseCIDR(r)
		if err == nil {
			ranges = append(ranges, n)
		}
	}
	return ranges
}

func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}

// savePair writes a key and its certificates into one file of mode 0600, whole or not at all.
func savePair(path string, key *ecdsa.PrivateKey, certificates ...[]byte) error {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: raw}); err != nil {
		return err
	}
	for _, c := range certificates {
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c}); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*") // made with 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(out.Bytes())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func loadPair(path string) (*tls.Certificate, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(raw, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return &pair, nil
}
