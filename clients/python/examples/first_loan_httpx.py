import os
import uuid

import httpx

api = httpx.Client(
    base_url=os.environ.get("API", "http://127.0.0.1:8000") + "/api/v1",
    headers={"Authorization": f"Bearer {os.environ['KEY']}"},
)


def post(path: str, **body: object) -> dict[str, str]:
    answer = api.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    if answer.is_error:
        raise SystemExit(answer.json()["detail"])
    return dict(answer.json())


borrower = post("/borrowers", first_name="Amina", last_name="Odhiambo")
product = api.get("/products", params={"code": "demo-salary-advance"}).json()["data"][0]
loan = post(
    "/loans",
    borrower_id=borrower["id"],
    product_id=product["id"],
    principal="12000.00",
    currency="KES",
    installments=6,
)
post(f"/loans/{loan['id']}/approve")
post(f"/loans/{loan['id']}/disburse")
print(post(f"/loans/{loan['id']}/payoff")["amount"])
