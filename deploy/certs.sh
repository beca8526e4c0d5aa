#!/usr/bin/env bash
# Make the self-signed pair ssl/branchloans.{crt,key} for branchloans.com, or keep the one there is.
# FORCE=1 makes a new one and sets the old one aside.
set -euo pipefail
cd "$(dirname "$0")/.."

key=ssl/branchloans.key
certificate=ssl/branchloans.crt
mkdir -p ssl

if [ -e "$key" ] || [ -e "$certificate" ]; then
  if [ -z "${FORCE:-}" ]; then
    echo "Kept $certificate, $(openssl x509 -noout -enddate -in "$certificate" | sed 's/notAfter=/valid until /')." \
      "FORCE=1 makes a new one."
    exit 0
  fi
  aside=$(date -u +%Y%m%dT%H%M%SZ)
  for file in "$key" "$certificate"; do
    if [ -e "$file" ]; then mv "$file" "${file%.*}-$aside.${file##*.}"; fi
  done
  echo "Set the old pair aside as ssl/branchloans-$aside.{crt,key}."
fi

umask 077
openssl req -x509 -nodes -days 365 -newkey rsa:2048 -keyout "$key.part" -out "$certificate.part" \
  -subj "/CN=branchloans.com" -addext "subjectAltName=DNS:branchloans.com,DNS:localhost,IP:127.0.0.1" \
  -addext "basicConstraints=critical,CA:FALSE" -addext "extendedKeyUsage=serverAuth" 2>/dev/null
mv "$key.part" "$key"
mv "$certificate.part" "$certificate"
chmod 600 "$key"
chmod 644 "$certificate"
echo "Made $certificate and $key: self-signed, for branchloans.com, 365 days."
