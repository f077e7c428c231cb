"""The panel's story inside Slicer: a volume is checked by a server that answers with a saved report."""

import os
import subprocess
import sys
import time
import unittest

import numpy as np
import slicer

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWERING_SERVER = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    def do_GET(self):
        self.answer(json.dumps({"models": ["reidentification_risk"]}).encode())
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(open(sys.argv[1], "rb").read())
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class ReidentificationRiskStoryTest(unittest.TestCase):
    """Load, ask, check, read, close."""

    def setUp(self):
        """Start the server and keep the user's settings."""
        slicer.mrmlScene.Clear(0)
        from ReidentificationRiskLib.process import find_python
        from ReidentificationRiskLib.settings import Settings

        report = os.path.join(HERE, "report.json")
        self.server = subprocess.Popen(
            [find_python(), "-c", ANSWERING_SERVER, report], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self._stop_server)
        self.address = "http://127.0.0.1:" + self.server.stdout.readline().strip()
        self.settings, self.kept = Settings(), Settings().server
        self.addCleanup(self._restore_settings)

    def _stop_server(self):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()

    def _restore_settings(self):
        self.settings.withdraw(self.address)
        self.settings.server = self.kept

    def test_story(self):
        """The scan is sent after consent only, and the report is shown."""
        from ReidentificationRisk import ReidentificationRiskWidget

        slicer.util.addVolumeFromArray(np.arange(64 * 64, dtype=np.uint8).reshape(1, 64, 64), name="scan")
        widget = ReidentificationRiskWidget()
        self.addCleanup(widget.parent.deleteLater)
        self.addCleanup(widget.cleanup)
        panel, asked = widget.panel, []
        panel.ask_consent = lambda address, parent: asked.append(address) or len(asked) > 1
        panel.ui.serverEdit.text = self.address

        panel.ui.checkButton.click()
        assert not panel.logic.busy
        assert panel.report is None

        panel.ui.checkButton.click()
        assert panel.logic.busy
        end = time.time() + 30
        while panel.logic.busy and time.time() < end:
            slicer.app.processEvents()
        assert asked == [self.address, self.address]
        assert panel.ui.messageLabel.text == ""
        assert "High risk" in panel.ui.levelLabel.text
        assert panel.ui.matchesTable.rowCount == 3
        assert panel.ui.matchesTable.item(0, 1).text().startswith("S-3F2A91C0")


if __name__ == "__main__":
    sys.exit(unittest.main())
