"""A store of objects that moto plays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def played_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the address of an S3 on this machine that this process and its children speak to."""
    fsspec = pytest.importorskip("fsspec", reason="needs fsspec (imgsim[remote])")
    pytest.importorskip("s3fs", reason="needs s3fs (imgsim[remote])")
    moto = pytest.importorskip("moto.server", reason="needs moto[server]")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1", "FSSPEC_S3_ENDPOINT_URL": endpoint,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield endpoint
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()
