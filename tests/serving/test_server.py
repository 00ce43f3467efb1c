"""The server as a process of its own."""

import json
import os
import signal
import socket
import sys
import threading
import time

import pytest

from sentiment_rnn import SentimentClassifier
from sentiment_rnn.cli import main
from tests.serving.process import Server


@pytest.fixture(scope="module")
def server():
    found = Server("--model", "textbook", "--model", "distilled", "--most-bytes", "10000")
    yield found
    found.stop(signal.SIGKILL)


def test_a_process_answers_as_the_library_does(server):
    texts = ["A joy.", "Dull, dull."]
    status, body = server.ask("POST", "/predict", {"texts": texts, "model": "distilled"})
    assert status == 200
    expected = SentimentClassifier.load().predictions(texts)
    for one, other in zip(json.loads(body)["predictions"], expected, strict=True):
        assert one["probability"] == pytest.approx(other.probability, abs=2e-6)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_a_folder_whose_name_is_no_text(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    SentimentClassifier.load("textbook").save(folder)
    server = Server("--model", str(folder))
    try:
        for model in (None, "caf\ufffd"):
            status, body = server.ask("POST", "/predict", {"text": "A joy.", "model": model})
            assert (status, json.loads(body)["model"]) == (200, "caf\ufffd")
        status, body = server.ask("GET", "/model")
        assert (status, json.loads(body)[0]["name"]) == (200, "caf\ufffd")
        status, body = server.ask("POST", "/predict", {"text": "A joy.", "model": "caf\udce9"})
        expected = "There is no model 'caf\ufffd'. Expected: caf\ufffd"
        assert (status, json.loads(body)) == (404, {"detail": expected})
    finally:
        server.stop(signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_folders_whose_names_are_no_text_and_look_the_same(tmp_path, capsys, monkeypatch):
    # Rather than wait for ever.
    monkeypatch.setattr("sentiment_rnn.serving.server.serve", None)
    folders = [tmp_path / os.fsdecode(name) for name in (b"caf\xe8", b"caf\xe9")]
    for folder in folders:
        SentimentClassifier.load("textbook").save(folder)
    assert main(["serve", "--model", str(folders[0]), "--model", str(folders[1])]) == 2
    assert "Two models are called caf\ufffd: rename" in capsys.readouterr().err


def test_too_much_at_once_is_refused_before_it_has_come(server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    with connection:
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
        connection.sendall(head.encode())
        assert b"413" in connection.recv(1000)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b"2710\r\n" + b"a" * 10_000 + b"\r\n1\r\na\r\n")
        assert b"413" in connection.recv(1000)
    assert server.ask("GET", "/health")[0] == 200


def test_many_clients_at_a_time(server):
    texts = [f"film number {number}, {'good' if number % 3 else 'bad'}" for number in range(20)]
    expected = SentimentClassifier.load("textbook").predictions(texts)
    wrong = []

    def client(number):
        for turn in range(5):
            place = (number + turn) % len(texts)
            status, body = server.ask("POST", "/predict", {"text": texts[place]})
            found = json.loads(body)["predictions"][0]["probability"] if status == 200 else None
            if found is None or abs(found - expected[place].probability) > 2e-6:
                wrong.append((status, body))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -15), (signal.SIGINT, 130)])
def test_a_stop_lets_the_last_request_finish(number, code):
    server = Server("--model", "textbook")
    found = []
    body = {"text": "a good film " * 2000, "method": "occlusion"}
    asking = threading.Thread(target=lambda: found.append(server.ask("POST", "/explain", body)))
    asking.start()
    waiting = ""
    while "sentiment_waiting_texts 1.0" not in waiting and not found:
        waiting = server.ask("GET", "/metrics")[1].decode()
        time.sleep(0.005)
    assert server.stop(number)[0] == code
    asking.join()
    assert found[0][0] == 200


def test_an_address_that_is_taken(server, capsys):
    assert main(["serve", "--port", str(server.port), "--model", "textbook"]) == 5
    assert f"Could not listen at 127.0.0.1, port {server.port}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--model", "no/such"], 4, "Expected a model folder. There is none at no/such"),
        (["--model", "textbook", "--model", "textbook"], 2, "Two models are called textbook"),
        (["--most-texts", "0"], 2, "most_texts must be a whole number from 1"),
        (["--port", "99999"], 2, "Expected a port from 0 to 65535. Received: 99999"),
        (["--port", "-1"], 2, "Expected a port from 0 to 65535. Received: -1"),
        (["--host", "no.such.host.invalid"], 5, "Could not listen at no.such.host.invalid"),
        (["--host", "a..b"], 2, "Expected the name of a host, or an address. Received: a..b\n"),
        (
            ["--host", "a" * 64],
            2,
            f"Expected the name of a host, or an address. Received: {'a' * 64}",
        ),
    ],
)
def test_wrong_use(capsys, options, code, message):
    assert main(["serve", *options]) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("options", [["trained/stars"], ["--model", "textbook", "trained/stars"]])
def test_a_model_without_its_option(capsys, options):
    with pytest.raises(SystemExit) as left:
        main(["serve", *options])
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("usage: sentiment-rnn serve [-h]")
    assert err.endswith("argument DIR: expected --model before it. Received: trained/stars\n")


def test_without_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentiment_rnn.serving.server", None)
    assert main(["serve"]) == 2
    assert 'pip install "sentiment_rnn[serve]"' in capsys.readouterr().err


# In a browser, where there is one.

ARTICLES = 'Array.from(document.querySelectorAll("article h2"), h => h.textContent)'


def test_the_page_reads_while_one_writes(server, browser):
    browser.open(f"{server.address}/", protocol="http:")
    # Browsers put the focus where a page wants it when they first draw the page.
    browser.wait('document.activeElement.id === "text"')
    browser.ask("Input.insertText", text="A dull, lifeless film.")
    browser.wait(f"{ARTICLES}.length === 1")
    assert browser.run(f"{ARTICLES}[0]").startswith("textbook: negative, ")
    browser.run(
        """$("first").value = "distilled"; $("second").value = "textbook";
        $("second").dispatchEvent(new Event("change")); 0"""
    )
    browser.wait(f"{ARTICLES}.length === 2")
    heads = browser.run(ARTICLES)
    assert [head.split(",")[0] for head in heads] == ["distilled: negative", "textbook: negative"]
    shown = browser.run('document.querySelector("article .text").textContent')
    assert shown == "A dull, lifeless film."
    assert browser.errors == []


def test_a_text_that_is_refused_is_said_to_be(server, browser):
    browser.open(f"{server.address}/", protocol="http:")
    browser.run('$("text").value = "a".repeat(20000); ask(); 0')
    browser.wait('$("problem").textContent.length > 0')
    assert browser.run('$("problem").textContent') == "Expected at most 10,000 bytes in a request."
    browser.run('$("text").value = "lovely"; ask(); 0')
    browser.wait('$("problem").textContent === ""')
    browser.run('$("text").value = ""; ask(); 0')
    assert browser.run(f"{ARTICLES}.length") == 0


@pytest.mark.parametrize("width", [1200, 390, 320])
def test_the_page_fits_every_window(server, browser, width):
    browser.open(f"{server.address}/", width, protocol="http:")
    browser.run('$("text").value = "x".repeat(300); $("second").value = "distilled"; ask(); 0')
    browser.wait(f"{ARTICLES}.length === 2")
    assert browser.run("document.documentElement.scrollWidth") <= width
    unnamed = """Array.from(document.querySelectorAll("input, select, textarea"))
        .filter(control => !control.labels[0]?.textContent.trim()).length"""
    assert browser.run(unnamed) == 0
