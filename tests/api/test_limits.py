"""Limits of requests: budgets of clients, addresses and logins, one count for all workers, and what is said of them."""

import itertools
import uuid

import pytest
import sqlalchemy as sa

from loans import clock
from loans.db import db, transaction
from loans.services import rate_limits
from tests.api import staffing
from tests.api.bookkeeping import api_of, execute
from tests.api.samples import assert_refused
from tests.conftest import Api
from tests.services.bank import Bank, at_once, listening, opened

PATH = "/api/v1/borrowers"
LOGIN = "/api/v1/sessions"


@pytest.fixture
def url(make_database):
    return make_database()


@pytest.fixture
def limited(url, today):
    """The API with budgets of 20 requests, 4 logins at an address and 2 at an account."""
    with opened(url, rate_limit_default=20, rate_limit_login=4, rate_limit_login_account=2) as app:
        yield api_of(app)


@pytest.fixture
def later(monkeypatch):
    """Let seconds pass, here and in the database: `later(api, seconds=60)`."""
    passed = [0.0]
    real = clock.monotonic
    monkeypatch.setattr(clock, "monotonic", lambda: real() + passed[0])

    def wait(api, *, seconds):
        passed[0] += seconds
        execute(api, f"UPDATE rate_limits SET ends_at = ends_at - interval '{seconds} seconds'")

    return wait


def other_client(api):
    return Api(client=api.client, key=api_of(api.client.application).key)


def statuses(api, *, times, path=PATH):
    return [api.get(path).status_code for _ in range(times)]


def log_in(api, *, username="nobody", address="127.0.0.1", **kwargs):
    body = {"username": username, "password": "not the right one"}
    return api.client.post(LOGIN, json=body, environ_base={"REMOTE_ADDR": address}, **kwargs)


def asked(api):
    """Record what is asked of the table of budgets."""
    sent = []

    def note(_connection, _cursor, statement, *_):
        if "rate_limits" in statement:
            sent.append(statement)

    return listening(Bank(app=api.client.application, key=api.key), before_cursor_execute=note), sent


class TestClients:
    def test_are_told_where_they_stand(self, limited):
        first, second = limited.get(PATH), limited.get(PATH)

        assert first.headers["RateLimit-Policy"] == '"default";q=20;w=60'
        assert first.headers["RateLimit"] == '"default";r=19;t=60'
        assert second.headers["RateLimit"].startswith('"default";r=18;t=')

    def test_are_refused_beyond_their_budget(self, limited):
        assert statuses(limited, times=20) == [200] * 20
        refused = limited.get(PATH)

        problem = assert_refused(refused, 429, "rate_limited")
        assert problem["policy"] == "default"
        assert refused.headers["Retry-After"] == str(problem["retry_after"])
        assert 50 <= problem["retry_after"] <= 60
        assert refused.headers["RateLimit"] == f'"default";r=0;t={problem["retry_after"]}'
        assert refused.headers["RateLimit-Policy"] == '"default";q=20;w=60'

    def test_do_nothing_that_is_refused(self, limited):
        statuses(limited, times=20)
        body = {"first_name": "Amina", "last_name": "Odhiambo", "external_id": "too-many"}

        assert_refused(limited.post(PATH, body), 429, "rate_limited")

        found = other_client(limited).get(f"{PATH}?external_id=too-many")
        assert found.get_json()["data"] == []

    def test_have_a_budget_each(self, limited):
        statuses(limited, times=21)

        assert statuses(other_client(limited), times=1) == [200]

    def test_start_anew_after_a_minute(self, limited, later):
        statuses(limited, times=21)
        later(limited, seconds=59)
        assert statuses(limited, times=1) == [429]

        later(limited, seconds=1)

        assert statuses(limited, times=21) == [200] * 20 + [429]

    def test_keep_their_budget_when_the_key_changes(self, limited):
        statuses(limited, times=18)
        path = f"/api/v1/clients/{limited.client_id}/keys"
        key = limited.post(path).get_json()["key"]

        assert statuses(Api(client=limited.client, key=key), times=2) == [200, 429]

    def test_have_no_budget_where_the_setting_is_zero(self, url, today):
        with opened(url) as app:
            response = api_of(app).get(PATH)
            with app.app_context():
                counted = db.session.execute(sa.text("SELECT count(*) FROM rate_limits")).scalar_one()

        assert "RateLimit" not in response.headers
        assert counted == 0

    def test_are_told_in_the_shape_of_the_first_api(self, limited):
        statuses(limited, times=20)

        refused = limited.get("/api/stats")

        assert (refused.status_code, refused.get_json()["error_code"]) == (429, "rate_limited")
        assert "Retry-After" in refused.headers

    def test_are_counted(self, limited):
        def count():
            lines = limited.client.get("/metrics").text.splitlines()
            found = [line for line in lines if line.startswith('rate_limited_total{policy="default"}')]
            return float(found[0].split()[1]) if found else 0.0

        before = count()
        statuses(limited, times=23)

        assert count() - before == 3


class TestWorkers:
    """Two applications on one database are two workers: each leases tokens of its own."""

    @pytest.mark.parametrize("limit", [1, 7, 60, 200])
    def test_together_let_in_as_many_as_the_limit_says(self, url, today, limit):
        with opened(url, rate_limit_default=limit) as one, opened(url, rate_limit_default=limit) as another:
            key = api_of(one).key
            workers = [Api(client=app.test_client(), key=key) for app in (one, another)]

            def ask(number):
                api = Api(client=workers[number % 2].client.application.test_client(), key=key)
                return statuses(api, times=(limit + 40) // 4)

            answers = list(itertools.chain(*at_once(ask, times=8)))

        assert set(answers) == {200, 429}
        assert answers.count(200) == limit

    def test_ask_the_database_seldom(self, url, today):
        with opened(url, rate_limit_default=600) as app:
            api = api_of(app)
            hook, sent = asked(api)
            with hook:
                assert statuses(api, times=120) == [200] * 120

        # Leases of 10, 20, 30, 30 and 30.
        assert len(sent) == 5

    def test_ask_nothing_for_who_has_used_up_everything(self, limited):
        statuses(limited, times=20)
        hook, sent = asked(limited)
        with hook:
            assert statuses(limited, times=5) == [429] * 5

        assert sent == []

    def test_use_no_lease_beyond_its_window(self, url, today, later):
        with opened(url, rate_limit_default=600) as app:
            api = api_of(app)
            assert api.get(PATH).headers["RateLimit"] == '"default";r=599;t=60'
            later(api, seconds=60)

            # Nine tokens of the lease were left; they went with the window.
            assert api.get(PATH).headers["RateLimit"] == '"default";r=599;t=60'


class TestAddresses:
    def test_of_unknown_callers_have_a_budget(self, limited):
        stranger = Api(client=limited.client, key="bl_test_nothing")

        assert statuses(stranger, times=21) == [401] * 20 + [429]
        assert statuses(limited, times=1) == [200]

    def test_have_none_where_nothing_is_limited(self, limited):
        stranger = Api(client=limited.client, key="x")
        statuses(stranger, times=21)

        for path in ("/health", "/health-db", "/metrics"):
            assert [limited.client.get(path).status_code for _ in range(25)] == [200] * 25
            assert "RateLimit" not in limited.client.get(path).headers

    def test_are_not_charged_for_asking_which_methods_there_are(self, limited):
        answers = {limited.client.options(PATH).status_code for _ in range(25)}

        assert answers == {200}

    @pytest.mark.parametrize(
        ("first", "second", "is_one"),
        [
            ("203.0.113.7", "203.0.113.8", False),
            ("203.0.113.7", "::ffff:203.0.113.7", True),
            ("2001:db8::1", "2001:db8::ffff:2", True),
            ("2001:db8::1", "2001:db8:0:1::1", False),
            ("", "somewhere", True),
        ],
    )
    def test_are_one_where_one_caller_has_them(self, limited, first, second, is_one):
        for number in range(4):
            log_in(limited, username=f"nobody{number}", address=first)

        answered = log_in(limited, username="nobody5", address=second).status_code

        assert answered == (429 if is_one else 401)

    def test_are_those_that_the_proxy_saw(self, url, today):
        with opened(url, rate_limit_login=4, trusted_proxies=1) as app:
            api = api_of(app)
            answers = [
                log_in(
                    api,
                    username=f"nobody{number}",
                    headers={"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"},
                ).status_code
                for number in range(5)
            ]

        # What the caller claims before the last one counts for nothing.
        assert answers == [401] * 4 + [429]


class TestLogins:
    def test_are_few_at_an_address(self, limited):
        answers = [log_in(limited, username=f"nobody{number}") for number in range(5)]

        assert [answer.status_code for answer in answers] == [401] * 4 + [429]
        assert assert_refused(answers[4], 429, "rate_limited")["policy"] == "login"
        assert log_in(limited, username="else", address="127.0.0.2").status_code == 401

    def test_are_fewer_at_an_account_from_wherever(self, limited):
        answers = [
            log_in(limited, username=name, address=f"127.0.0.{at}")
            for at, name in enumerate(("grace", "GRACE", "Grace"))
        ]

        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert assert_refused(answers[2], 429, "rate_limited")["policy"] == "account"

    def test_are_told_where_they_stand(self, limited):
        headers = log_in(limited).headers

        assert headers["RateLimit-Policy"] == '"default";q=20;w=60, "login";q=4;w=60, "account";q=2;w=60'
        assert headers["RateLimit"] == '"default";r=19;t=60, "login";r=3;t=60, "account";r=1;t=60'

    def test_that_are_right_count_too(self, limited):
        def committed(work):
            with limited.client.application.app_context():
                return transaction(work)

        member = staffing.make_member(committed)
        body = {"username": member.username, "password": staffing.PASSWORD}

        answers = [limited.client.post(LOGIN, json=body).status_code for _ in range(3)]

        assert answers == [200, 200, 429]

    def test_leave_no_name_behind(self, limited):
        log_in(limited, username="grace.wanjiku")

        with limited.client.application.app_context():
            keys = db.session.execute(sa.text("SELECT key FROM rate_limits ORDER BY key")).scalars().all()

        assert [key.partition(":")[0] for key in keys] == ["account", "default", "login"]
        assert not [key for key in keys if "grace" in key]

    def test_together_are_let_in_as_often_as_the_limit_says(self, url, today):
        given = {"rate_limit_login": 0, "rate_limit_login_account": 3}
        with opened(url, **given) as one, opened(url, **given) as another:
            clients = [api_of(one), api_of(another)]

            answers = at_once(
                lambda number: (
                    log_in(
                        Api(client=clients[number % 2].client.application.test_client(), key="")
                    ).status_code
                ),
                times=8,
            )

        assert sorted(answers) == [401] * 3 + [429] * 5


class TestTrouble:
    """Without the store of the budgets reads and commands go on, and logins do not."""

    def test_of_a_missing_table_leaves_clients_in_and_logins_out(self, limited):
        execute(limited, "ALTER TABLE rate_limits RENAME TO gone")

        read = limited.get(PATH)
        written = limited.post(PATH, {"first_name": "Amina", "last_name": "Odhiambo"})
        login = log_in(limited)

        assert (read.status_code, written.status_code) == (200, 201)
        assert "RateLimit" not in read.headers
        assert_refused(login, 503, "unavailable")
        assert login.headers["Retry-After"] == "1"

    def test_of_a_locked_table_leaves_clients_in_and_logins_out(self, url, today):
        given = {"rate_limit_default": 20, "rate_limit_login": 4, "lock_timeout_ms": 100}
        with opened(url, **given) as app:
            api = api_of(app)
            with app.app_context(), db.engine.connect() as connection, connection.begin():
                connection.execute(sa.text("LOCK TABLE rate_limits IN ACCESS EXCLUSIVE MODE"))

                assert statuses(api, times=3) == [200, 200, 200]
                assert_refused(log_in(api), 503, "unavailable")

    def test_is_not_asked_for_again_at_once(self, limited, later, monkeypatch):
        execute(limited, "ALTER TABLE rate_limits RENAME TO gone")
        hook, sent = asked(limited)
        with hook:
            statuses(limited, times=5)
            while_broken = len(sent)
            execute(limited, "ALTER TABLE gone RENAME TO rate_limits")
            later(limited, seconds=6)
            after = limited.get(PATH)

        assert while_broken == 1
        assert after.headers["RateLimit"] == '"default";r=19;t=60'

    def test_does_not_open_who_has_used_up_everything_already(self, limited):
        statuses(limited, times=20)
        execute(limited, "ALTER TABLE rate_limits RENAME TO gone")

        assert statuses(limited, times=2) == [429, 429]


class TestTable:
    def test_survives_no_crash_and_so_costs_no_log(self, session):
        kind = session.execute(
            sa.text("SELECT relpersistence FROM pg_class WHERE relname = 'rate_limits'")
        ).scalar_one()

        assert kind == "u"

    def test_forgets_who_has_not_called_for_an_hour(self, session):
        for minutes in (59, 61):
            session.execute(
                sa.text(
                    "INSERT INTO rate_limits (key, ends_at, used, granted) VALUES"
                    f" ('{minutes}', now() - interval '{minutes} minutes', 1, 1)"
                )
            )

        rate_limits.forget(session)

        left = session.execute(sa.text("SELECT key FROM rate_limits WHERE key IN ('59', '61')")).scalars()
        assert left.all() == ["59"]

    def test_gives_less_than_asked_for_where_less_is_left(self, session):
        key = str(uuid.uuid4())
        taken = [
            rate_limits.take(session, key=key, wanted=wanted, limit=10, window_seconds=60)
            for wanted in (4, 4, 4, 4)
        ]

        assert [(each.granted, each.left) for each in taken] == [(4, 6), (4, 2), (2, 0), (0, 0)]

    def test_gives_nothing_of_a_limit_that_was_lowered(self, session):
        key = str(uuid.uuid4())
        rate_limits.take(session, key=key, wanted=8, limit=10, window_seconds=60)

        taken = rate_limits.take(session, key=key, wanted=1, limit=5, window_seconds=60)

        assert (taken.granted, taken.left) == (0, 0)
