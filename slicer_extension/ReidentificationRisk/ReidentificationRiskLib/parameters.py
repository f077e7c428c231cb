"""The panel's choices, kept in the scene so that a saved scene brings them back."""

from typing import Any

import slicer

MODULE = "ReidentificationRisk"
VOLUME = "InputVolume"
MODALITY = "Modality"
EXPLAIN = "Explain"
OPACITY = "MapOpacity"
USUAL_OPACITY = 0.5
KEEP = "KeepResults"
AUTOMATIC = ""


class Parameters:
    """The selected volume and modality of one scene, in a vtkMRMLScriptedModuleNode."""

    @property
    def node(self) -> Any:
        """The parameter node, made when the scene has none."""
        node = slicer.mrmlScene.GetSingletonNode(MODULE, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)  # CreateNodeByClass keeps one reference for its caller
            node.SetSingletonTag(MODULE)
            node.SetName(MODULE)
            node.SetHideFromEditors(True)
            node = slicer.mrmlScene.AddNode(node)
        if node.GetModuleName() != MODULE:  # new, or emptied by closing the scene
            node.SetModuleName(MODULE)
            node.SetAttribute("ModuleName", MODULE)
        return node

    @property
    def volume(self) -> Any:
        """The selected volume node, or None."""
        return self.node.GetNodeReference(VOLUME)

    @volume.setter
    def volume(self, volume: Any) -> None:
        self.node.SetNodeReferenceID(VOLUME, volume.GetID() if volume is not None else None)

    @property
    def modality(self) -> str:
        """The chosen modality, "" for automatic."""
        return self.node.GetParameter(MODALITY) or AUTOMATIC

    @modality.setter
    def modality(self, modality: str) -> None:
        self.node.SetParameter(MODALITY, modality)

    @property
    def explain(self) -> bool:
        """Whether a check asks for the map of what made the match."""
        return self.node.GetParameter(EXPLAIN) == "true"

    @explain.setter
    def explain(self, wanted: bool) -> None:
        self.node.SetParameter(EXPLAIN, "true" if wanted else "")

    @property
    def opacity(self) -> float:
        """Opacity of that map, 0 to 1."""
        try:
            kept = float(self.node.GetParameter(OPACITY) or USUAL_OPACITY)
        except ValueError:  # damaged by hand
            return USUAL_OPACITY
        return kept if 0.0 <= kept <= 1.0 else USUAL_OPACITY

    @opacity.setter
    def opacity(self, opacity: float) -> None:
        self.node.SetParameter(OPACITY, f"{opacity:.2f}")

    @property
    def keep(self) -> bool:
        """Whether results are kept in the scene."""
        return self.node.GetParameter(KEEP) != "false"

    @keep.setter
    def keep(self, wanted: bool) -> None:
        self.node.SetParameter(KEEP, "" if wanted else "false")
