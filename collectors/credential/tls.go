package credential

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS is what one end of a connection needs: files, PEM. The certificate and its key
// are read at every handshake, for they are renewed while we run.
type TLS struct {
	CA         string // certificates to trust; empty trusts the system's
	Cert, Key  string // our certificate and its key
	ServerName string // that the server's certificate must be for; empty is the host's
}

// Given says that anything is set.
func (t TLS) Given() bool { return t != TLS{} }

// Client is how a client connects. The error is of files that cannot be read or hold
// something else.
func (t TLS) Client() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	var err error
	if c.RootCAs, err = t.trusted(); err != nil {
		return nil, err
	}
	if err := t.checkOurs(); err != nil {
		return nil, err
	}
	if t.Cert != "" {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.ours() }
	}
	return c, nil
}

// Server is how a server answers, which needs a certificate; whoever comes must show
// one that CA signed, when that is set.
func (t TLS) Server() (*tls.Config, error) {
	if t.Cert == "" && t.Key == "" {
		return nil, errors.New("a server needs its certificate and key")
	}
	if err := t.checkOurs(); err != nil {
		return nil, err
	}
	c := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return t.ours() },
	}
	var err error
	if c.ClientCAs, err = t.trusted(); err != nil {
		return nil, err
	}
	if c.ClientCAs != nil {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// trusted is nil for the system's.
func (t TLS) trusted() (*x509.CertPool, error) {
	if t.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("certificates to trust: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificates to trust: %s holds none; expected PEM (-----BEGIN CERTIFICATE-----)", t.CA)
	}
	return pool, nil
}

func (t TLS) checkOurs() error {
	if (t.Cert == "") != (t.Key == "") {
		return errors.New("our certificate and its key are needed together")
	}
	if t.Cert == "" {
		return nil
	}
	_, err := t.ours()
	return err
}

func (t TLS) ours() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("our certificate: %w", err)
	}
	return &pair, nil
}
