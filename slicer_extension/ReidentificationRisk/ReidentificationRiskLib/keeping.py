"""Results kept in the scene, below their volume: the report as a text node, the nearest identities as a table node."""

import hashlib
from typing import Any, Optional

import numpy as np
import slicer
import vtk

from ReidentificationRiskLib.document import Document, read_document, write_document
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.rows import match_heads, match_rows

REPORT, MATCHES = "ReidentificationRisk.Report", "ReidentificationRisk.Matches"
"""References from a volume to its nodes."""


def keep(volume: Any, document: Document) -> None:
    """Keep a result; an earlier one of the same volume gives way."""
    text = _node(volume, REPORT, "vtkMRMLTextNode", _("Re-identification risk: report"))
    text.SetText(write_document(document))
    table = _node(volume, MATCHES, "vtkMRMLTableNode", _("Re-identification risk: nearest identities"))
    _fill(table, document)


def kept(volume: Any) -> Optional[Document]:
    """Give the result that is kept of a volume, or None."""
    node = volume.GetNodeReference(REPORT) if volume is not None else None
    return read_document(node.GetText() or "") if node is not None and node.IsA("vtkMRMLTextNode") else None


def drop(volume: Any) -> None:
    """Take the result that is kept of a volume, which may be gone itself, out of the scene."""
    for role in (REPORT, MATCHES):
        name = volume.GetNodeReferenceID(role)
        node = slicer.mrmlScene.GetNodeByID(name) if name else None
        if node is not None:
            slicer.mrmlScene.RemoveNode(node)


def pixels_of(volume: Any) -> str:
    """Give a hash by which the same pixels are known again."""
    array = slicer.util.arrayFromVolume(volume)
    digest = hashlib.blake2b(str((array.shape, array.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _node(volume: Any, role: str, kind: str, name: str) -> Any:
    node = volume.GetNodeReference(role)
    if node is None or not node.IsA(kind):
        node = slicer.mrmlScene.AddNewNodeByClass(kind, name)
        volume.SetNodeReferenceID(role, node.GetID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    parent = hierarchy.GetItemByDataNode(volume) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), volume)
    own = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(parent, node)
    hierarchy.SetItemParent(own, parent)
    return node


def _fill(node: Any, document: Document) -> None:
    table = vtk.vtkTable()
    rows = match_rows(document["report"])
    for j, head in enumerate(match_heads()):
        column = vtk.vtkStringArray()
        column.SetName(head)
        for row in rows:
            column.InsertNextValue(row[j])
        table.AddColumn(column)
    node.SetAndObserveTable(table)
