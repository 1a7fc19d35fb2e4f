package aggregation

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const keyBits = 2048

// authority signs certificates and keeps them in a folder.
type authority struct {
	folder      string
	file        string
	certificate *x509.Certificate
	key         *rsa.PrivateKey
}

// identity is a certificate and its key, as files.
type identity struct{ certificate, key string }

func newAuthority(t *testing.T, folder, name string) *authority {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	check(t, err)
	certificate, err := cert.NewSelfSignedCACert(cert.Config{CommonName: name}, key)
	check(t, err)
	file := filepath.Join(folder, name+".crt")
	check(t, cert.WriteCert(file, encode(certificate.Raw)))
	return &authority{folder, file, certificate, key}
}

// issue makes a certificate for a client, and for a server if there are hosts.
func (a *authority) issue(t *testing.T, name string, groups []string, hosts ...string) identity {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	check(t, err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	check(t, err)
	template := &x509.Certificate{
		Subject:      pkix.Name{CommonName: name, Organization: groups},
		SerialNumber: serial,
		NotBefore:    a.certificate.NotBefore,
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	check(t, err)
	encoded, err := keyutil.MarshalPrivateKeyToPEM(key)
	check(t, err)
	base := filepath.Join(a.folder, a.certificate.Subject.CommonName+"-"+name)
	made := identity{base + ".crt", base + ".key"}
	check(t, os.WriteFile(made.certificate, encode(signed), 0o600))
	check(t, os.WriteFile(made.key, encoded, 0o600))
	return made
}

func encode(raw []byte) []byte {
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		panic(err) // It was made just now.
	}
	encoded, err := cert.EncodeCertificates(parsed)
	if err != nil {
		panic(err)
	}
	return encoded
}
