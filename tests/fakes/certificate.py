"""A certificate of a server ``localhost`` that nobody but itself has signed."""

import subprocess
from pathlib import Path


def self_signed(folder: Path) -> Path:
    """Make it; return the file with certificate and key; the one with ``.crt`` has the certificate alone."""
    file = folder / "own.pem"
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {file} -out {file}.crt"
    subprocess.run(
        ["openssl", *words.split(), "-addext", "subjectAltName=DNS:localhost"],
        check=True,
        capture_output=True,
    )
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file
