"""A table of text that shows all its rows, without a scroll bar of its own."""

from typing import Any, List, Sequence

import qt

MOST_ROWS = 12  # more than these scroll


def prepare_table(table: Any, heads: Sequence[str]) -> None:
    """Give a table its columns and the habits of a table that is read, not edited."""
    table.setColumnCount(len(heads))
    table.setHorizontalHeaderLabels(list(heads))
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
    table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
    table.setAlternatingRowColors(True)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    table.setSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Fixed)
    table.verticalHeader().setVisible(False)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setStretchLastSection(True)


def fill_table(table: Any, rows: List[List[str]], numeric: Sequence[int]) -> None:
    """Show the rows, those columns right-aligned that hold numbers, and fit the table's height to them."""
    table.setRowCount(len(rows))
    for i, row in enumerate(rows):
        for j, text in enumerate(row):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(text)
            side = qt.Qt.AlignRight if j in numeric else qt.Qt.AlignLeft
            item.setTextAlignment(side | qt.Qt.AlignVCenter)
            table.setItem(i, j, item)
    table.resizeRowsToContents()
    shown = sum(table.rowHeight(i) for i in range(min(len(rows), MOST_ROWS)))
    head = table.horizontalHeader().height
    table.setFixedHeight(shown + head + 2 * table.frameWidth)
