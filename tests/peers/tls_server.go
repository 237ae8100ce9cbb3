// An HTTPS server over Go's crypto/tls, with p256.pem and p256.key of the folder it starts in.
//
//	tls_server 12|13 [FILE]
//
// FILE holds the roots for client certificates, one of which is wanted then. Prints its port.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	log.SetOutput(io.Discard)
	pair, err := tls.LoadX509KeyPair("p256.pem", "p256.key")
	if err != nil {
		panic(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS13}
	if os.Args[1] == "12" {
		config.MaxVersion = tls.VersionTLS12
	}
	if len(os.Args) > 2 {
		pem, err := os.ReadFile(os.Args[2])
		if err != nil {
			panic(err)
		}
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(pem)
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().String()[len("127.0.0.1:"):])
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "hello")
	})))
}
