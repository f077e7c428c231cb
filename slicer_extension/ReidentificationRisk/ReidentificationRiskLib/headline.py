"""The coloured head of a result; a level is told by colour, sign and word alike."""

from typing import Any, Dict

from ReidentificationRiskLib.wording import Headline

INK = "#1a1a1a"
STYLES: Dict[str, str] = {
    "high": "background: #fbe3e1; border: 1px solid #b3261e; border-left: 8px solid #b3261e;",
    "elevated": "background: #fff1d6; border: 1px solid #a65f00; border-left: 8px solid #a65f00;",
    "low": "background: #e2f3ec; border: 1px solid #1b6e53; border-left: 8px solid #1b6e53;",
    "unknown": "background: #ffffff; border: 3px dashed #4a4a55;",
}
WORDS: Dict[str, str] = {"high": "#8c1d18", "elevated": "#7a4600", "low": "#14553f", "unknown": INK}


def show_headline(ui: Any, headline: Headline) -> None:
    """Draw a headline into headlineFrame and its three labels."""
    ui.headlineFrame.setStyleSheet(
        f"QFrame#headlineFrame {{ {STYLES[headline.level]} border-radius: 3px; }}"
        f"QFrame#headlineFrame QLabel {{ color: {INK}; border: none; background: transparent; }}"
        f"QFrame#headlineFrame QLabel#levelLabel {{ color: {WORDS[headline.level]}; }}"
        "QFrame#headlineFrame QLabel#levelLabel { font-size: 15pt; font-weight: bold; }"
        "QFrame#headlineFrame QLabel#sentenceLabel { font-weight: bold; }"
    )
    ui.levelLabel.setText(f"{headline.sign}  {headline.word}")
    ui.sentenceLabel.setText(headline.sentence)
    ui.detailsLabel.setText("\n".join(headline.details))
