"""Where things are, what each error means, and the page that shows the API."""

import re

import pytest

from loans import __version__

HOSTS = re.compile(r"https?://([^/\"'\s<>]+)")


class TestIndex:
    def test_names_the_service_and_where_to_begin(self, app):
        response = app.test_client().get("/")

        assert response.status_code == 200
        assert response.get_json() == {
            "name": "Branch Loans",
            "version": __version__,
            "api": "/api/v1",
            "docs": "/docs/",
            "openapi": "/openapi.json",
            "errors": "/errors",
            "health": "/health",
        }

    @pytest.mark.parametrize("name", ["docs", "openapi", "errors", "health"])
    def test_leads_to_pages_that_exist(self, app, name):
        client = app.test_client()

        path = client.get("/").get_json()[name]

        assert client.get(path).status_code == 200


class TestErrors:
    def test_are_listed_each_with_a_page_of_its_own(self, app):
        client = app.test_client()

        listed = client.get("/errors").get_json()["data"]

        codes = [error["code"] for error in listed]
        assert len(codes) == len(set(codes))
        assert {"overpayment", "not_authenticated", "invalid_request", "internal_error"} < set(codes)
        for error in listed:
            assert client.get(f"/errors/{error['code']}").get_json() == error

    def test_are_explained(self, app):
        response = app.test_client().get("/errors/overpayment")

        assert response.get_json() == {
            "code": "overpayment",
            "status": 422,
            "title": "More than is owed",
            "meaning": "The money is more than is owed.",
        }

    def test_that_do_not_exist_are_not_found(self, app):
        response = app.test_client().get("/errors/no_such_code")

        assert response.status_code == 404
        assert response.get_json()["code"] == "not_found"


class TestDocs:
    @pytest.mark.parametrize("path", ["/docs/", "/docs", "/docs/index.html"])
    def test_show_our_own_document_from_our_own_host_only(self, app, path):
        response = app.test_client().get(path)

        assert response.status_code == 200
        assert response.mimetype == "text/html"
        assert "Branch Loans" in response.text
        assert '"url": "/openapi.json"' in response.text
        assert '"validatorUrl": null' in response.text
        assert set(HOSTS.findall(response.text)) <= {"localhost"}

    def test_find_all_they_load(self, app):
        client = app.test_client()
        page = client.get("/docs/").text

        loaded = re.findall(r'(?:src|href)="([^"]+)"', page)

        assert len(loaded) >= 4
        for path in loaded:
            assert path.startswith("/docs/")
            with client.get(path) as response:
                assert response.status_code == 200

    @pytest.mark.parametrize("path", ["/docs/", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"])
    def test_forbid_the_browser_every_other_host(self, app, path):
        """The bundle holds addresses (of licences, specifications, a validator): none can be called."""
        with app.test_client().get(path) as response:
            policy = response.headers["Content-Security-Policy"]

        assert policy == "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

    def test_load_no_style_or_font_from_elsewhere(self, app):
        with app.test_client().get("/docs/swagger-ui.css") as response:
            styles = response.text

        assert "@import" not in styles
        assert set(HOSTS.findall(styles)) == {"www.w3.org"}
        assert {address[:5] for address in re.findall(r"url\(['\"]?([^)]+)", styles)} <= {"data:"}

    @pytest.mark.parametrize("path", ["/docs/no-such-file.js", "/docs/../app.py", "/docs/%2e%2e/__init__.py"])
    def test_hold_nothing_else(self, app, path):
        assert app.test_client().get(path).status_code == 404
