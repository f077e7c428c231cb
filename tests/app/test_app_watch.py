"""Long work ends when nobody waits for it any more, or when it takes too long."""

import asyncio
import threading

import pytest
from lib import watch
from lib.desk import Desk
from lib.failures import Refusal, explain
from lib.lanes import Lane
from lib.options import Options
from lib.params import CheckParams, MeasureParams
from lib.watch import NobodyWaitsError, TookTooLongError, Watch
from samples import picture, pixels
from starlette.requests import ClientDisconnect, Request


def test_a_step_goes_on_until_somebody_says_stop():
    watched = Watch()
    watched.begin()
    watched.progress(1, 3, "regions")
    watched.stop()
    with pytest.raises(NobodyWaitsError):
        watched.progress(2, 3, "regions")


def test_what_takes_too_long_is_given_up_unless_it_is_done(monkeypatch):
    monkeypatch.setattr(watch, "MOST_SECONDS", -1.0)
    watched = Watch()
    watched.progress(0, 3, "waiting does not count")
    watched.begin()
    with pytest.raises(TookTooLongError):
        watched.progress(1, 3, "regions")
    watched.progress(3, 3, "regions")


@pytest.fixture(scope="module")
def desk(tmp_path_factory, _phantom_gallery):
    return Desk(Options(_phantom_gallery, tmp_path_factory.mktemp("studies")))


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.png"
    path.write_bytes(picture(pixels()))
    return path


def too_long(done, total, what):
    raise TookTooLongError


def test_a_report_comes_without_an_explanation_that_takes_too_long(desk, scan):
    document, volume = desk.explain(scan, CheckParams("CXR"), too_long)
    assert volume is None
    assert document["matches"]
    assert "takes longer than the 4 minutes" in document["explanation"]["reason"]


def test_measures_that_take_too_long_are_refused_in_a_sentence(desk, scan):
    for ask in (desk.compare, desk.make_copy):
        with pytest.raises(TookTooLongError) as caught:
            ask(scan, MeasureParams("CXR", measures=("blur",)), too_long)
        assert explain(caught.value, {}).status == 413


class Client:
    """A client whose body was read, and who may go away."""

    def __init__(self):
        self.left = asyncio.Event()

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    def request(self):
        return Request({"type": "http", "headers": []}, self.receive)


def test_work_that_waits_is_never_begun_for_a_client_who_left():
    """And the work before it goes on."""
    free, begun = threading.Event(), []

    def first(progress):
        begun.append("first")
        free.wait(20)
        progress(1, 2, "regions")
        return "done"

    async def story():
        lane, staying, leaving = Lane("test", 1, 3), Client(), Client()
        one = asyncio.create_task(lane.run_watched(staying.request(), first))
        while not begun:
            await asyncio.sleep(0.01)
        other = asyncio.create_task(lane.run_watched(leaving.request(), lambda progress: begun.append("second")))
        await asyncio.sleep(0.05)
        leaving.left.set()
        with pytest.raises(ClientDisconnect):
            await other
        free.set()
        assert await one == "done"

    asyncio.run(story())
    assert begun == ["first"]


def test_work_ends_at_its_next_step_and_only_then_is_the_client_let_go():
    ended = []

    async def story():
        lane, client = Lane("test", 1, 3), Client()
        loop = asyncio.get_running_loop()

        def work(progress):
            loop.call_soon_threadsafe(client.left.set)
            try:
                for step in range(2000):
                    threading.Event().wait(0.01)
                    progress(step, 2000, "regions")
            finally:
                ended.append(step)

        with pytest.raises(ClientDisconnect):
            await lane.run_watched(client.request(), work)
        assert ended

    asyncio.run(story())
    assert ended[0] < 1000


def test_a_failure_of_the_work_is_the_answers():
    def work(progress):
        raise Refusal(422, "no")

    async def story():
        await Lane("test", 1, 3).run_watched(Client().request(), work)

    with pytest.raises(Refusal):
        asyncio.run(story())


def test_a_lane_holds_so_many_and_no_more():
    lane = Lane("test", 1, 1)
    with lane.place(), lane.place():
        with pytest.raises(Refusal) as caught, lane.place():
            pass
        assert caught.value.status == 503
    with lane.place():
        pass
