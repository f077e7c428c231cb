"""Tables of text that show all their rows, without a scroll bar of their own."""

from typing import Any, List, Optional, Sequence, Tuple

import qt

from ReidentificationRiskLib.signals import Signal

MOST_ROWS = 12  # more than these scroll
NARROW = 360  # pixels of a table, below which its heads are short


def prepare_table(table: Any, heads: Sequence[str]) -> None:
    """Give a table its columns and the habits of a table that is read, not edited."""
    table.setColumnCount(len(heads))
    table.setHorizontalHeaderLabels(list(heads))
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
    table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
    table.setAlternatingRowColors(True)
    table.setShowGrid(False)
    table.setWordWrap(True)
    table.setTabKeyNavigation(False)
    table.setSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Fixed)
    table.verticalHeader().setVisible(False)
    table.setVerticalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(len(heads) - 1, qt.QHeaderView.Stretch)
    later = qt.QTimer(table)  # a row's height can be told only once all columns have their widths
    later.setSingleShot(True)
    later.timeout.connect(lambda: fit_height(table))
    header.sectionResized.connect(lambda column, old, new: later.start(0))


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
    fit_height(table)


def fit_height(table: Any) -> None:
    """Give each row the height that its wrapped text needs, and the table that of its rows."""
    table.resizeRowsToContents()
    rows = range(min(table.rowCount, MOST_ROWS))
    shown = sum(table.rowHeight(i) for i in rows)
    more = table.rowCount > MOST_ROWS
    table.setVerticalScrollBarPolicy(qt.Qt.ScrollBarAsNeeded if more else qt.Qt.ScrollBarAlwaysOff)
    head = table.horizontalHeader().height
    table.setFixedHeight(shown + head + 2 * table.frameWidth)


class SortableTable:
    """A table that a click on a head sorts, and another click sorts the other way.

    Parameters
    ----------
    table
        A QTableWidget.
    heads, short_heads, tips
        The columns' heads, those for a narrow panel, and what each means.
    numeric
        Columns that hold numbers: right-aligned, and sorted by the number.
    folded
        In a narrow panel the last column moves below the text of this one.

    Attributes
    ----------
    chosen
        Emitted with the index of the row, as it was filled in, that the user selects.
    """

    def __init__(
        self,
        table: Any,
        heads: Sequence[str],
        short_heads: Sequence[str],
        tips: Sequence[str],
        numeric: Sequence[int],
        folded: int,
    ) -> None:
        self.chosen = Signal()
        self._table, self._numeric = table, numeric
        self._heads, self._short_heads = heads, short_heads
        self._folded, self._narrow = folded, False
        self._rows: List[List[str]] = []
        self._keys: List[List[Any]] = []
        self._order: List[int] = []
        self._sorted: Tuple[int, bool] = (0, False)
        prepare_table(table, heads)
        for column, tip in enumerate(tips):
            table.horizontalHeaderItem(column).setToolTip(tip)
        header = table.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionResized.connect(self._on_width)
        table.horizontalScrollBar().rangeChanged.connect(self._on_width)  # too narrow for a section to change
        header.sectionClicked.connect(self._on_head)
        table.connect("itemSelectionChanged()", self._on_selection)

    def fill(self, rows: List[List[str]], keys: List[List[Any]]) -> None:
        """Show rows in the order given; ``keys`` has what each cell is sorted by, None for what is not known."""
        self._rows, self._keys, self._order = rows, keys, list(range(len(rows)))
        self._sorted = (0, False)
        self._draw(None)

    def sort(self, column: int, falling: bool) -> None:
        """Sort by a column; what is not known comes last either way."""
        chosen = self.selected()
        self._sorted = (column, falling)
        known = [i for i in range(len(self._rows)) if self._keys[i][column] is not None]
        known.sort(key=lambda i: self._keys[i][column], reverse=falling)
        self._order = known + [i for i in range(len(self._rows)) if self._keys[i][column] is None]
        self._draw(chosen)

    def selected(self) -> Optional[int]:
        """Give the index of the selected row as it was filled in, or None."""
        row = self._table.currentRow()
        return self._order[row] if self._table.selectedItems() and 0 <= row < len(self._order) else None

    def unselect(self) -> None:
        """Select nothing, and tell nobody."""
        blocked = self._table.blockSignals(True)
        self._table.clearSelection()
        self._table.setCurrentItem(None)
        self._table.blockSignals(blocked)

    def _draw(self, chosen: Optional[int]) -> None:
        blocked = self._table.blockSignals(True)
        fill_table(self._table, [self._shown(self._rows[i]) for i in self._order], self._numeric)
        self._table.clearSelection()
        self._table.setCurrentItem(None)
        if chosen is not None:
            self._table.selectRow(self._order.index(chosen))
        self._table.blockSignals(blocked)
        column, falling = self._sorted
        header = self._table.horizontalHeader()
        header.setSortIndicatorShown(True)
        header.setSortIndicator(column, qt.Qt.DescendingOrder if falling else qt.Qt.AscendingOrder)

    def _shown(self, row: List[str]) -> List[str]:
        if not self._narrow or not row[-1]:
            return row
        return [f"{text}\n{row[-1]}" if column == self._folded else text for column, text in enumerate(row)]

    def _on_width(self, *what: Any) -> None:
        narrow = self._table.viewport().width < NARROW
        if narrow == self._narrow:
            return
        self._narrow = narrow
        for column, head in enumerate(self._short_heads if narrow else self._heads):
            self._table.horizontalHeaderItem(column).setText(head)
        last = len(self._heads) - 1
        self._table.setColumnHidden(last, narrow)
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(self._folded, qt.QHeaderView.Stretch if narrow else qt.QHeaderView.ResizeToContents)
        self._draw(self.selected())

    def _on_head(self, column: int) -> None:
        before, falling = self._sorted
        self.sort(column, not falling if column == before else column in self._numeric and column != 0)

    def _on_selection(self) -> None:
        chosen = self.selected()
        if chosen is not None:
            self.chosen.emit(chosen)
