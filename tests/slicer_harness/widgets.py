"""The widgets of Slicer and CTK that a ``.ui`` file may name, and the loader that knows them."""

import types
from typing import Any

SIGNALS = {
    "mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged",
    "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
}
HEADER = 26  # pixels of a collapsible section's head


def add_widgets(qt: types.ModuleType, slicer: types.ModuleType) -> types.ModuleType:
    """Put qMRMLWidget, qMRMLNodeComboBox and the UI loader in place; give the module ``ctk``."""
    from PySide6.QtCore import Property, Signal
    from PySide6.QtWidgets import QWidget

    class qMRMLWidget(qt.QWidget):
        mrmlSceneChanged = Signal(object)

        def setMRMLScene(self, scene: Any) -> None:
            self._scene = scene  # its children are not told, as in Slicer
            self.mrmlSceneChanged.emit(scene)

        def mrmlScene(self) -> Any:
            return getattr(self, "_scene", None)

        def connect(self, signature: str, receiver: Any) -> bool:
            return _connect_named(self, qt, signature, receiver)

    class qMRMLNodeComboBox(qt.QWidget):
        currentNodeChanged = Signal(object)
        nodeTypes = _stored(Property, "QStringList", ())
        noneEnabled = _stored(Property, bool, False)
        noneDisplay = _stored(Property, str, "")
        addEnabled = _stored(Property, bool, True)
        removeEnabled = _stored(Property, bool, True)
        editEnabled = _stored(Property, bool, False)
        renameEnabled = _stored(Property, bool, False)
        showHidden = _stored(Property, bool, False)
        showChildNodeTypes = _stored(Property, bool, True)
        selectNodeUponCreation = _stored(Property, bool, True)

        def __init__(self, parent: Any = None) -> None:
            super().__init__(parent)
            self._scene, self._tags, self._nodes, self._current = None, [], [], None
            self._box = qt.QComboBox(self)
            row = qt.QHBoxLayout(self)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(self._box)
            self._box.activated.connect(self._chosen)
            tags = self._tags
            self.destroyed.connect(lambda: _stop_watching(tags))

        def setMRMLScene(self, scene: Any) -> None:
            _stop_watching(self._tags)
            self._scene = scene
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent):
                self._tags.append((scene, scene.AddObserver(event, self._refresh)))
            self._refresh()

        def mrmlScene(self) -> Any:
            return self._scene

        def currentNode(self) -> Any:
            return self._current

        def setCurrentNode(self, node: Any) -> None:
            self._refresh(wanted=node)

        def nodeCount(self) -> int:
            return len(self._nodes)

        def connect(self, signature: str, receiver: Any) -> bool:
            return _connect_named(self, qt, signature, receiver)

        def _shows(self, node: Any) -> bool:
            wanted = [str(name) for name in self.nodeTypes]
            if node.GetHideFromEditors() and not self.showHidden:
                return False
            return any(node.GetClassName() == n or (self.showChildNodeTypes and node.IsA(n)) for n in wanted)

        def _refresh(self, caller: Any = None, event: Any = None, wanted: Any = "unchanged") -> None:
            every = [self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes())]
            self._nodes = [node for node in every if self._shows(node)]
            kept = self._current if wanted == "unchanged" else wanted
            if kept not in self._nodes:
                kept = None
            if kept is None and not self.noneEnabled and self._nodes:
                kept = self._nodes[0]
            self._box.clear()
            names = [node.GetName() for node in self._nodes]
            self._box.addItems(([self.noneDisplay or "None"] if self.noneEnabled else []) + names)
            offset = 1 if self.noneEnabled else 0
            self._box.setCurrentIndex(self._nodes.index(kept) + offset if kept is not None else offset - 1)
            self._become(kept)

        def _chosen(self, index: int) -> None:
            index -= 1 if self.noneEnabled else 0
            self._become(self._nodes[index] if index >= 0 else None)

        def _become(self, node: Any) -> None:
            if node is not self._current:
                self._current = node
                self.currentNodeChanged.emit(node)

    class ctkCollapsibleButton(qt.QAbstractButton):
        def __init__(self, parent: Any = None) -> None:
            super().__init__(parent)
            self.setCheckable(True)
            self.setChecked(True)
            self.setContentsMargins(0, HEADER, 0, 0)
            self.setSizePolicy(qt.QSizePolicy.Preferred, qt.QSizePolicy.Preferred)
            self._folded: list[Any] = []
            self.toggled.connect(lambda on: self._fold())

        collapsed = Property(bool, lambda self: not self.checked, lambda self, on: self.setChecked(not on))

        def _fold(self) -> None:
            """Hide what is shown, or show again what was hidden here; what the module hid stays hidden."""
            if self.checked:
                for child in self._folded:
                    child.show()
                self._folded = []
            else:  # again, where it is shown folded: what was hidden before stays remembered
                children = [child for child in self.children() if isinstance(child, QWidget)]
                shown = [child for child in children if not child.isHidden()]
                self._folded += [child for child in shown if child not in self._folded]
                for child in shown:
                    child.hide()
            self.updateGeometry()

        def showEvent(self, event: Any) -> None:
            if not self.checked:
                self._fold()
            super().showEvent(event)

        def sizeHint(self) -> Any:
            if self.layout() is None or not self.checked:
                return qt.QSize(120, HEADER)
            return self.layout().totalSizeHint()

        def minimumSizeHint(self) -> Any:
            if self.layout() is None or not self.checked:
                return qt.QSize(100, HEADER)
            return self.layout().totalMinimumSize()

        def hasHeightForWidth(self) -> bool:
            return self.checked and self.layout() is not None and self.layout().hasHeightForWidth()

        def heightForWidth(self, width: int) -> int:
            return self.layout().totalHeightForWidth(width)

        def hitButton(self, position: Any) -> bool:
            return position.y() <= HEADER

        def paintEvent(self, event: Any) -> None:
            painter = qt.QPainter(self)
            palette = self.palette
            head = qt.QRect(0, 0, self.width, HEADER - 3)
            painter.fillRect(head, palette.color(qt.QPalette.Button).darker(104))
            painter.setPen(palette.color(qt.QPalette.Mid))
            painter.drawRect(head.adjusted(0, 0, -1, -1))
            painter.setPen(palette.color(qt.QPalette.ButtonText))
            arrow = "\u25be" if self.checked else "\u25b8"
            painter.drawText(head.adjusted(8, 0, -4, 0), qt.Qt.AlignVCenter, f"{arrow}  {self.text}")
            painter.end()

    ours = {c.__name__: c for c in (qMRMLWidget, qMRMLNodeComboBox, ctkCollapsibleButton)}
    qt.QUiLoader = _loader(qt, ours)
    slicer.qMRMLWidget, slicer.qMRMLNodeComboBox = qMRMLWidget, qMRMLNodeComboBox
    ctk = types.ModuleType("ctk")
    ctk.ctkCollapsibleButton = ctkCollapsibleButton
    return ctk


def _stop_watching(tags: list) -> None:
    while tags:
        watched, tag = tags.pop()
        watched.RemoveObserver(tag)


def _stored(property_: Any, kind: Any, default: Any) -> Any:
    """Give a property that only remembers its value, one for each object."""
    key = object()

    def get(self: Any) -> Any:
        return self.__dict__.setdefault("_stored", {}).get(key, default)

    def put(self: Any, value: Any) -> None:
        self.__dict__.setdefault("_stored", {})[key] = value

    return property_(kind, get, put)


def _connect_named(sender: Any, qt: types.ModuleType, signature: str, receiver: Any) -> bool:
    """Connect a signal whose C++ signature PySide cannot spell; others go the usual way."""
    if SIGNALS.get(signature) not in vars(type(sender)):
        return qt.QWidget.connect(sender, signature, receiver)
    getattr(sender, SIGNALS[signature]).connect(receiver)
    return True


def _loader(qt: types.ModuleType, ours: dict) -> type:
    class QUiLoader(qt.QUiLoader):
        def createWidget(self, name: str, parent: Any = None, object_name: str = "") -> Any:
            made = ours.get(name) or getattr(qt, name, None)
            if made is None:
                raise RuntimeError(f"the UI file names a widget that this harness does not have: {name}")
            widget = made(parent)
            widget.setObjectName(object_name)
            return widget

    return QUiLoader
