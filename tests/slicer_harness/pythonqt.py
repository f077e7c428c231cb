"""Qt as PythonQt shows it to Slicer's modules, on top of PySide6."""

import types
from typing import Any

LEFT_AS_METHODS = {"sizeHint", "minimumSizeHint"}  # virtual: layouts call them


class QtProperty:
    """A Q_PROPERTY as PythonQt shows it: a value on an object, the original function on the class."""

    def __init__(self, name: str, original: Any, writable: bool) -> None:
        self._name, self._original, self._writable = name, original, writable

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self._original if instance is None else self._get(instance, self._name)

    def __set__(self, instance: Any, value: Any) -> None:
        if not self._writable:
            raise AttributeError(f"property '{self._name}' is read-only, as it is in Slicer")
        if not self._set(instance, self._name, value):
            raise ValueError(f"property '{self._name}' takes no {type(value).__name__}")

    @staticmethod
    def _get(instance: Any, name: str) -> Any:
        from PySide6.QtCore import QObject

        return QObject.property(instance, name)

    @staticmethod
    def _set(instance: Any, name: str, value: Any) -> bool:
        from PySide6.QtCore import QObject

        return QObject.setProperty(instance, name, value)


def make_qt_module() -> types.ModuleType:
    """Give the module ``qt``: all of QtCore, QtGui and QtWidgets in one, with properties for methods."""
    from PySide6 import QtCore, QtGui, QtPrintSupport, QtUiTools, QtWidgets

    qt = types.ModuleType("qt")
    for source in (QtCore, QtGui, QtWidgets, QtPrintSupport, QtUiTools):
        for name in dir(source):
            value = getattr(source, name)
            if isinstance(value, type) and issubclass(value, QtCore.QObject):
                _show_properties(value)
                value = type(name, (value,), {"connect": _connect, "disconnect": _disconnect})
                if issubclass(value, QtWidgets.QDialog):
                    value.exec_ = lambda self: self.exec()  # PythonQt's name for it
            if not name.startswith("_"):
                setattr(qt, name, value)
    qt.QTextDocument.print = QtGui.QTextDocument.print_
    qt.QFileDialog.getSaveFileName = staticmethod(lambda *args: QtWidgets.QFileDialog.getSaveFileName(*args)[0])
    QtCore.QObject.name = QtProperty("objectName", None, writable=True)  # PythonQt's short name for it
    QtCore.QObject.className = lambda self: self.metaObject().className()
    return qt


def _show_properties(qt_class: type) -> None:
    """Make the properties that a class itself declares readable and writable as PythonQt has them."""
    declared = qt_class.staticMetaObject
    for index in range(declared.propertyOffset(), declared.propertyCount()):
        described = declared.property(index)
        name = described.name()
        if name not in LEFT_AS_METHODS and not isinstance(qt_class.__dict__.get(name), QtProperty):
            setattr(qt_class, name, QtProperty(name, getattr(qt_class, name, None), described.isWritable()))


def _signal(sender: Any, signature: str) -> Any:
    described = sender.metaObject()
    if described.indexOfSignal(bytes(described.normalizedSignature(signature).data()).decode()) < 0:
        raise ValueError(f"{described.className()} has no signal {signature}")
    return getattr(sender, signature.split("(")[0])


def _connect(sender: Any, signature: str, receiver: Any) -> bool:
    """Connect as PythonQt does: ``sender.connect("clicked(bool)", function)``."""
    _signal(sender, signature).connect(receiver)
    return True


def _disconnect(sender: Any, signature: str, receiver: Any) -> bool:
    _signal(sender, signature).disconnect(receiver)
    return True
