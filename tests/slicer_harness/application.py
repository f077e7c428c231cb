"""The application object, the modules that Slicer gives its scripted modules, and starting them all."""

import atexit
import os
import sys
import tempfile
import types
from typing import Any

NEEDED = (
    "The harness of the Slicer panel cannot start: {error}. It needs the packages of the extra 'harness' "
    "(pip install -e '.[harness]'), and on Debian or Ubuntu the libraries "
    "libegl1 libgl1 libglib2.0-0 libxkbcommon0 libdbus-1-3 libfontconfig1."
)
_running: Any = None


def start() -> Any:
    """Start Qt off screen and make the modules qt, ctk and slicer; once."""
    global _running
    if _running is None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        try:
            _running = _start()
        except ImportError as error:
            raise RuntimeError(NEEDED.format(error=error)) from error
    return _running


def _start() -> Any:
    import slicer

    from slicer_harness.layout import LayoutManager
    from slicer_harness.pythonqt import make_qt_module
    from slicer_harness.scene import add_scene
    from slicer_harness.widgets import add_widgets

    qt = make_qt_module()
    sys.modules["qt"] = qt
    _listen_to_qt(qt)
    sys.modules["ctk"] = add_widgets(qt, slicer)
    _keep_settings_apart(qt)
    app = _application_class(qt)(["Slicer"])
    app.logic = add_scene(slicer)
    app.layout_manager = LayoutManager(slicer, app.logic)
    atexit.register(app.layout_manager.close)
    slicer.app = app
    _look_like_slicer(qt, app)
    _add_scripted_modules(qt, slicer)
    return app


qt_complaints: list[str] = []
"""What Qt complained of since the start, for tests that allow no complaint."""

UNAVOIDABLE = "propagateSizeHints"  # of the off-screen platform itself


def _listen_to_qt(qt: types.ModuleType) -> None:
    def hear(kind: Any, context: Any, message: str) -> None:
        if UNAVOIDABLE not in message:
            qt_complaints.append(message)
            print(f"Qt: {message}", file=sys.stderr)

    qt.qInstallMessageHandler(hear)


def _keep_settings_apart(qt: types.ModuleType) -> None:
    """Let QSettings() write into a folder of this process, never into the user's own."""
    folder = tempfile.TemporaryDirectory(prefix="slicer-harness-")
    qt._settings_folder = folder  # removed with the process
    qt.QSettings.setDefaultFormat(qt.QSettings.IniFormat)
    qt.QSettings.setPath(qt.QSettings.IniFormat, qt.QSettings.UserScope, folder.name)


def _application_class(qt: types.ModuleType) -> type:
    from PySide6.QtCore import Signal

    class SlicerApplication(qt.QApplication):
        """What modules use of qSlicerApplication."""

        startupCompleted = Signal()

        def connect(self, signature: str, receiver: Any) -> bool:
            return qt.QApplication.connect(self, signature, receiver)

        def applicationLogic(self) -> Any:
            return self.logic

        def testingEnabled(self) -> bool:
            return True

        def userSettings(self) -> Any:
            return qt.QSettings()

        def layoutManager(self) -> Any:
            return self.layout_manager

        temporaryPath = property(lambda self: tempfile.gettempdir())

    SlicerApplication.setOrganizationName("slicer-harness")
    SlicerApplication.setApplicationName("Slicer")
    return SlicerApplication


def _look_like_slicer(qt: types.ModuleType, app: Any) -> None:
    """Use a plain light style, and a font where the computer has none."""
    app.setStyle("Fusion")
    app.setPalette(app.style().standardPalette())
    if not qt.QFontDatabase.families():
        import matplotlib

        folder = os.path.join(matplotlib.get_data_path(), "fonts", "ttf")
        for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
            qt.QFontDatabase.addApplicationFont(os.path.join(folder, name))
        app.setFont(qt.QFont("DejaVu Sans", 9))


def _add_scripted_modules(qt: types.ModuleType, slicer: types.ModuleType) -> None:
    """Make slicer.ScriptedLoadableModule and slicer.i18n."""
    from slicer_harness import scripted

    scripted.qt, scripted.slicer = qt, slicer
    sys.modules["slicer.ScriptedLoadableModule"] = slicer.ScriptedLoadableModule = scripted
    i18n = types.ModuleType("slicer.i18n")
    i18n.tr = lambda text: text
    i18n.translate = lambda context, text: text
    sys.modules["slicer.i18n"] = slicer.i18n = i18n
    slicer.modules = types.SimpleNamespace()
