// Makes the Postman collection and its environment from the OpenAPI document: node collect.cjs DOCUMENT FOLDER
// The same document gives the same files: identifiers, which Postman draws at random, are made from names.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");

// The converter draws values where the document has no example; they shall be the same each time.
let drawn = 1;
Math.random = () => {
  drawn = (drawn * 48271) % 2147483647;
  return drawn / 2147483647;
};

const [source, folder, modules] = process.argv.slice(2);
const converter = createRequire(path.resolve(modules, "package.json"))("openapi-to-postmanv2");

const OPTIONS = {
  folderStrategy: "Tags",
  requestNameSource: "Fallback",
  parametersResolution: "Example",
  optimizeConversion: false,
  stackLimit: 50,
  includeAuthInfoInExample: false,
  keepImplicitHeaders: false,
  disableOptionalParameters: true,
};
// What README.md does with curl: each step takes what it needs from the answers before it.
const FIRST_LOAN = [
  ["1. A borrower", "create_borrower", { first_name: "Amina", last_name: "Odhiambo" }, { borrower_id: "id" }],
  ["1. The product that the demo brought along", "list_products", null, { product_id: "data.0.id" }, { code: "demo-salary-advance" }],
  [
    "2. An application: 12,000.00 KES over 6 months",
    "apply",
    { borrower_id: "{{borrower_id}}", product_id: "{{product_id}}", principal: "12000.00", currency: "KES", installments: 6 },
    { loan_id: "id" },
  ],
  ["3. Approved", "approve", {}, {}],
  ["4. Paid out", "disburse", {}, {}],
  ["5. Paid off", "pay_off", {}, {}],
];

function identifier(...names) {
  const hex = crypto.createHash("sha256").update(names.join("/")).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

// Prepare what the converter made of an operation for a person: no examples of answers (they are in /docs), the
// credentials of the environment, an Idempotency-Key of its own for each request that is sent.
function tidy(item, trail) {
  const names = [...trail, item.name];
  item.id = identifier(...names);
  if (item.item) {
    item.item.forEach((child) => tidy(child, names));
    return;
  }
  item.response = [];
  delete item.event;
  const request = item.request;
  delete request.auth;
  request.header = (request.header || []).filter((each) => each.key !== "If-Match" && each.key !== "If-None-Match");
  request.header.filter((each) => each.key === "Idempotency-Key").forEach((each) => (each.value = "{{$guid}}"));
  (request.url.query || []).forEach((each) => Object.assign(each, { value: "", disabled: true }));
  (request.url.variable || []).forEach((each) => {
    each.value = `{{${each.key}}}`;
    delete each.id;
  });
}

function* requests(items) {
  for (const item of items) {
    if (item.item) yield* requests(item.item);
    else yield item;
  }
}

// Find the request of an operation by its method and path.
function requestOf(collection, document, operation) {
  for (const [route, methods] of Object.entries(document.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      if (described.operationId !== operation) continue;
      const wanted = route.replace(/\{(\w+)\}/g, ":$1").split("/").filter(Boolean).join("/");
      for (const item of requests(collection.item)) {
        if (item.request.method === method.toUpperCase() && item.request.url.path.join("/") === wanted) return item.request;
      }
    }
  }
  throw new Error(`the collection lacks ${operation}`);
}

// Leave of the bodies what must be there and what has an example: what else was drawn says nothing to a person.
function shorten(collection, document) {
  for (const [route, methods] of Object.entries(document.paths)) {
    for (const described of Object.values(methods)) {
      const reference = described.requestBody?.content["application/json"]?.schema?.$ref;
      if (!reference) continue;
      const schema = document.components.schemas[reference.split("/").pop()];
      const body = requestOf(collection, document, described.operationId).body;
      const kept = Object.entries(JSON.parse(body.raw)).filter(
        ([name]) => (schema.required || []).includes(name) || schema.properties[name]?.example !== undefined,
      );
      body.raw = JSON.stringify(Object.fromEntries(kept), null, 2);
    }
  }
}

function firstLoan(collection, document) {
  const steps = FIRST_LOAN.map(([name, operation, body, taken, query]) => {
    const request = JSON.parse(JSON.stringify(requestOf(collection, document, operation)));
    request.url.query = Object.entries(query || {}).map(([key, value]) => ({ key, value }));
    if (body) request.body = { mode: "raw", raw: JSON.stringify(body, null, 2), options: { raw: { language: "json" } } };
    const script = [
      "pm.test('is done', () => pm.expect(pm.response.code).to.be.within(200, 299));",
      "const answer = pm.response.json();",
      ...Object.entries(taken).map(
        ([variable, place]) =>
          `pm.collectionVariables.set('${variable}', '${place}'.split('.').reduce((at, name) => at[name], answer));`,
      ),
      ...(operation === "pay_off" ? ["pm.test('is repaid', () => pm.expect(answer.loan.status).to.equal('repaid'));"] : []),
    ];
    return { name, request, response: [], event: [{ listen: "test", script: { type: "text/javascript", exec: script } }] };
  });
  return { name: "First loan in five requests", item: steps };
}

const text = fs.readFileSync(source, "utf-8");
const document = JSON.parse(text);
converter.convertV2({ type: "string", data: text }, OPTIONS, (error, result) => {
  if (error || !result.result) throw error || new Error(result.reason);
  const collection = result.output[0].data;
  collection.info._postman_id = identifier(collection.info.name);
  collection.item.forEach((item) => tidy(item, []));
  shorten(collection, document);
  collection.item = [firstLoan(collection, document), ...collection.item];
  collection.item[0].item.forEach((item) => (item.id = identifier("first loan", item.name)));
  collection.item[0].id = identifier("first loan");
  collection.auth = { type: "bearer", bearer: [{ key: "token", value: "{{key}}", type: "string" }] };
  delete collection.event;
  collection.variable = [...new Set(text.match(/\{\w+_id\}/g))].sort().map((name) => ({ key: name.slice(1, -1), value: "" }));
  const values = [
    { key: "baseUrl", value: "http://127.0.0.1:8000", type: "default", enabled: true },
    { key: "key", value: "", type: "secret", enabled: true },
  ];
  const environment = { id: identifier("environment"), name: "Branch Loans, here", values, _postman_variable_scope: "environment" };
  const write = (name, content) => fs.writeFileSync(path.join(folder, name), JSON.stringify(content, null, 1) + "\n");
  write("branch-loans.postman_collection.json", collection);
  write("branch-loans.postman_environment.json", environment);
  const digest = crypto.createHash("sha256").update(text).digest("hex");
  fs.writeFileSync(path.join(folder, "openapi.sha256"), digest + "\n");
});
