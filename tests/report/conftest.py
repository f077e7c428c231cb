"""One rendering for all tests that only look at it."""

import pytest

from reid_engine.report.evaluation_html import render_evaluation
from tests.report import samples
from tests.report.reading import read


@pytest.fixture(scope="package")
def document():
    return samples.report()


@pytest.fixture(scope="package")
def html(document):
    return render_evaluation(document, pictures=samples.pictures(document))


@pytest.fixture(scope="package")
def page(html):
    return read(html)
