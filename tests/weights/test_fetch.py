"""Downloads from a server on this machine: good, wrong, cut, missing; nothing half-written."""

import hashlib
import http.server
import sys
import threading

import pytest

from mmscratch.__main__ import main
from mmscratch.data.errors import DataError
from mmscratch.weights import ZOO, ZooFile, download

DATA = bytes(range(256)) * 400
DIGEST = hashlib.sha256(DATA).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA[:1000] if self.path.startswith("/cut") else DATA)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def pooch(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return pytest.importorskip("pooch", reason="needs pooch, the extra data")


def entry(server, page="good", sha256=DIGEST, name="model"):
    return ZooFile(name, f"http://127.0.0.1:{server.server_port}/{page}.bin", 0.1, sha256, "MIT", "")


def test_a_good_file_is_fetched_once(pooch, server, tmp_path):
    for _ in range(2):
        path = download(entry(server), tmp_path / "new" / "folder", progress=False)
        assert path.name == "model.bin" and path.read_bytes() == DATA
    assert server.asked == ["/good.bin"]
    assert [p.name for p in path.parent.iterdir()] == ["model.bin"]


def test_a_progress_bar(pooch, server, tmp_path, capsys):
    download(entry(server), tmp_path, progress=True)
    assert "102k" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("page", "sha256", "message"),
    [
        ("good", "0" * 64, f"another sha256 than it should .found {DIGEST}, expected 0000"),
        ("cut", DIGEST, "nothing was kept"),
        ("cut", None, "nothing was kept"),
        ("missing", DIGEST, "the server answered 404 Not Found; nothing was kept"),
        ("missing", None, "404"),
    ],
)
def test_nothing_is_kept_of_what_went_wrong(pooch, server, tmp_path, page, sha256, message):
    with pytest.raises(DataError, match=message) as told:
        download(entry(server, page, sha256), tmp_path, progress=False)
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there(pooch, server, tmp_path):
    file = entry(server)
    server.server_close()
    with pytest.raises(DataError, match="could not be fetched"):
        download(file, tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_changed_is_fetched_anew(pooch, server, tmp_path):
    download(entry(server), tmp_path, progress=False).write_bytes(b"other")
    assert download(entry(server), tmp_path, progress=False).read_bytes() == DATA
    assert len(server.asked) == 2


def test_without_a_known_hash_it_is_recorded_and_printed(pooch, server, tmp_path, capsys):
    path = download(entry(server, sha256=None), tmp_path, progress=False)
    assert DIGEST in capsys.readouterr().err
    record = tmp_path / "model.bin.sha256"
    assert record.read_text() == f"{DIGEST}  model.bin\n"
    download(entry(server, sha256=None), tmp_path, progress=False)
    assert capsys.readouterr().err == "" and len(server.asked) == 1
    path.write_bytes(b"changed")
    record.write_text("0" * 64)
    with pytest.raises(DataError, match="another sha256"):  # what the record says is what counts now
        download(entry(server, sha256=None), tmp_path, progress=False)
    record.write_text("nonsense")
    with pytest.raises(DataError, match="64 hex digits"):
        download(entry(server, sha256=None), tmp_path, progress=False)


def test_without_pooch_the_extra_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert main(["weights", "download", "resnet18", "--out", str(tmp_path)]) == 2
    assert 'pip install "mmscratch[data]"' in capsys.readouterr().err


def test_the_command(pooch, server, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(ZOO, "model", entry(server))
    monkeypatch.setenv("MMSCRATCH_WEIGHTS_DIR", str(tmp_path))
    assert main(["weights", "download", "model", "--quiet"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "model.bin")
    assert main(["weights", "download", "vgg99"]) == 2
    assert "is not in the list of weights; known: vgg16" in capsys.readouterr().err


def test_the_list(capsys):
    assert main(["weights", "list"]) == 0
    out = capsys.readouterr().out
    for file in ZOO.values():
        assert file.name in out and file.licence in out and (file.sha256 or "recorded at first") in out
        assert file.url.startswith("https://")
        assert file.sha256 is None or (len(file.sha256) == 64 and int(file.sha256, 16))
