#!/bin/sh
# Makes the serving certificate of deploy/ and the authority that the aggregator knows it by.
# What is there is kept; the certificate is made anew when it is removed.
set -eu
cd "$(dirname "$0")/../deploy/base"
mkdir -p certificates
cd certificates
umask 077
host=apiserver.hello.svc

if [ ! -e ca.crt ]; then
    # What another authority has signed is of no use any more.
    rm -f tls.crt
    openssl ecparam -name prime256v1 -genkey -noout -out ca.key
    openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=hello-apiserver-ca" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.crt
fi
if [ ! -e tls.crt ]; then
    openssl ecparam -name prime256v1 -genkey -noout -out tls.key
    openssl req -new -key tls.key -subj "/CN=$host" -out tls.csr
    cat > tls.ext <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=DNS:$host,DNS:$host.cluster.local,DNS:localhost,IP:127.0.0.1
END
    openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -sha256 -days 365 \
        -extfile tls.ext -out tls.crt
    rm -f tls.csr tls.ext ca.srl
fi
echo "$PWD: ca.crt tls.crt tls.key"
