// Which rules of dclint hold for docker-compose*.yml. Severity: 0 off, 1 warning, 2 error.
module.exports = {
  rules: {
    // Order is for readers: what a request passes first comes first, and a section begins with what it extends.
    "service-keys-order": 0,
    "services-alphabetical-order": 0,
    "service-ports-alphabetical-order": 0,
    "service-dependencies-alphabetical-order": 0,
    "top-level-properties-order": 0,
    // `image` names what `build` makes, so that a deploy can put another image in its place.
    "no-build-and-image": 0,
    // Only nginx is published everywhere, and it is meant for everybody; a test lists every published port.
    "no-unbound-port-interfaces": 0,
    // A file that is laid over another has that one's name.
    "require-project-name-field": 0,
    // It asks for quotes that are there: it does not see a variable in them.
    "require-quotes-in-ports": 0,
    "no-duplicate-container-names": 2,
    "no-duplicate-exported-ports": 2,
    "no-version-field": 2,
    "service-container-name-regex": 2,
    "service-image-require-explicit-tag": 2,
  },
};
