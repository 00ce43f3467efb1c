"""How tests read web pages: as text, and in a browser."""

import base64
import fcntl
import json
import os
import re
import select
import shutil
import subprocess
import time
from html.parser import HTMLParser

HOSTILE = (
    "</script><script>bad=1</script><!-- <img src=x onerror=bad=1> {{title}} {{data}} \\u003c $& "
    "\"'`&amp; \0\x01\x1b\x7f\t\r\u2028\u2029\u202e\u200b "
    "שלום عربي e\u0301 é 😀👨\u200d👩 漢字 \ud83d\ude00"
)


class Elements(HTMLParser):
    """The start tags of a page, with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def data_of(path):
    page = path.read_text(encoding="utf-8")
    (data,) = re.findall(r'<script [^>]*id="data">(.*?)</script>', page)
    return json.loads(data)


def assert_asks_for_nothing_else(path):
    """Expects a page that loads nothing, and runs nothing but its own script."""
    page = path.read_text(encoding="utf-8")
    for tag, attributes in Elements(page).tags:
        assert tag not in ("link", "img", "iframe", "base", "object")
        assert not {"src", "href", "style", "onclick", "onload"} & set(attributes)
    # The name of SVG's elements is no address that anything is loaded from.
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_browser():
    """The path of an installed Chromium, or None."""
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


class Browser:
    """A headless Chromium that is spoken to through two pipes."""

    def __init__(self, program, folder):
        asked, self._ask = os.pipe()
        self._answers, answered = os.pipe()
        # It reads what it is asked from file 3 and answers in file 4: the pipes' own numbers must
        # be neither, or one redirection would undo the other.
        inside = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (asked, answered)]
        command = f'exec "$0" "$@" 3<&{inside[0]} 4>&{inside[1]} 2>"{folder}/log"'
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        options += [f"--user-data-dir={folder}/profile", "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            ["bash", "-c", command, program, *options, "about:blank"],
            pass_fds=inside,
            stdout=subprocess.DEVNULL,
        )
        for end in (asked, answered, *inside):
            os.close(end)
        self._left, self._number, self._session = b"", 0, None
        self.errors = []

    def ask(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._ask, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.errors.append(answer["params"])
            if answer.get("method") == "Runtime.consoleAPICalled":
                self.errors.append(answer["params"])

    def _read(self):
        while b"\0" not in self._left:
            assert select.select([self._answers], [], [], 60)[0], "the browser says nothing"
            piece = os.read(self._answers, 1 << 16)
            assert piece, "the browser has gone"
            self._left += piece
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)

    def open(self, address, width=1200, protocol="file:"):
        self._session = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.errors.clear()
        for domain in ("Runtime", "Log", "Page"):
            self.ask(f"{domain}.enable")
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && location.protocol === '{protocol}'")

    def run(self, code):
        done = self.ask("Runtime.evaluate", expression=code, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait(self, code):
        until = time.monotonic() + 30
        while not self.run(code):
            assert time.monotonic() < until, f"never true: {code}"
            time.sleep(0.02)

    def press(self, key):
        codes = {"ArrowLeft": 37, "ArrowRight": 39, "Tab": 9, "Enter": 13}
        enter = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            parameters = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
            self.ask("Input.dispatchKeyEvent", type=kind, **parameters, **enter)

    def picture(self, height=None):
        """What the page looks like, as PNG: down to its end, or its first pixels."""
        width, end = self.run(
            "[innerWidth, Math.ceil(document.body.getBoundingClientRect().bottom) + 16]"
        )
        clip = {"x": 0, "y": 0, "width": width, "height": height or end, "scale": 1}
        made = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(made["data"])

    def close(self):
        os.close(self._ask)
        os.close(self._answers)
        self._process.terminate()
        self._process.wait(timeout=30)
