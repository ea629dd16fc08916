"""Certificates for tests, made on the spot; nobody's trust depends on them."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(folder: Path, name: str = "localhost", *, serial: int = 1) -> tuple[Path, Path]:
    """Write a self-signed certificate for this machine and its key; return both files."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-set_serial", str(serial)),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"),
        ],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    return certificate, key
